"""A data set of the Hugging Face hub: `owner/name[@revision][:config/split]`, downloaded once into the hub's cache."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

from trimtab.curate.reading.files import is_known
from trimtab.records import Progress, Silent, UserError

T = TypeVar("T")
_ID = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?(:(?P<config>[\w.-]+)(/(?P<split>[\w.-]+))?)?"
)
_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class HubRef:
    """What a reference names; ``config`` and ``split`` are empty where it does not say."""

    name: str
    revision: str = ""
    config: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Local copies by their path in the data set; ``left`` are its other data files, which were not asked for."""

    ref: HubRef
    revision: str
    license: str
    files: Mapping[str, Path]
    left: tuple[str, ...] = ()

    @property
    def provenance(self) -> dict[str, str]:
        """What every row of the data set carries."""
        known = {"hub": self.ref.name, "revision": self.revision, "license": self.license}
        return {key: value for key, value in known.items() if value}


def parse_hub(path: str, root: Path) -> HubRef | None:
    """The hub reference that ``path`` is, or None: what lies on disk, looks like a file or is a glob is none.

    ``hub:owner/name`` is always one.
    """
    text = path.removeprefix("hub:")
    match = _ID.fullmatch(text)
    if match is None:
        return None
    owner = match["name"].partition("/")[0]
    local = (root / text).exists() or (root / owner).is_dir() or is_known(Path(match["name"]))
    if local and not path.startswith("hub:"):
        return None
    return HubRef(match["name"], match["revision"] or "", match["config"] or "", match["split"] or "")


def fetch(ref: HubRef, progress: Progress | None = None) -> HubFiles:
    """The data set's files of one revision. Files that are in the cache are not loaded again.

    ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` hold as for every tool of the hub; offline, what the cache has
    of that revision is read. Raises UserError.
    """
    progress = progress or Silent()
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return _cached(ref)
    from huggingface_hub import HfApi, hf_hub_download

    endpoint = os.environ.get("HF_ENDPOINT") or None
    info = _asked(ref, lambda: HfApi(endpoint=endpoint).dataset_info(ref.name, revision=ref.revision or None))
    revision, card = str(info.sha), _card(info.card_data)
    names = [item.rfilename for item in info.siblings or ()]
    taken = chosen(names, ref, card.get("configs"))
    progress.start(f"Downloading {ref.name}", len(taken))

    def load(name: str, version: str = revision) -> Path:
        progress.advance()
        kind = "dataset"
        return Path(
            _asked(ref, lambda: hf_hub_download(ref.name, name, repo_type=kind, revision=version, endpoint=endpoint))
        )

    found = {name: load(name) for name in taken}
    # So that offline the licence is known, and which commit the name stood for.
    load(_CARD if _CARD in names else taken[0], ref.revision or "main")
    left = tuple(name for name in names if is_known(Path(name)) and name not in found)
    return HubFiles(ref, revision, _license(card), found, left)


def chosen(names: Sequence[str], ref: HubRef, configs: Any = None) -> list[str]:
    """The data files that the reference means. Raises UserError that lists what there is.

    The card's ``configs`` decide where there are any; else the files' names: a configuration is a folder, a split is a
    word of the name. Without a split, ``train`` where some file is named so, else everything.
    """
    files = sorted(name for name in names if is_known(Path(name)))
    found = _by_card(files, ref, configs) if isinstance(configs, list) and configs else _by_name(files, ref)
    if not found:
        raise UserError(
            "the data set has no such files",
            field=":".join(part for part in (ref.config, ref.split) if part) or None,
            file=ref.name,
            expected=", ".join(files[:12]) or "files that end in .jsonl, .json, .csv, .tsv or .parquet",
        )
    return found


def _by_card(files: Sequence[str], ref: HubRef, configs: Sequence[Mapping[str, Any]]) -> list[str]:
    named = [config for config in configs if config.get("config_name") == ref.config] if ref.config else []
    default = [config for config in configs if config.get("default") or config.get("config_name") == "default"]
    config = (named or ([] if ref.config else default or list(configs[:1])))[:1]
    patterns: list[str] = []
    for entry in _entries(config[0].get("data_files") if config else None):
        if entry.get("split", "train") == (ref.split or "train"):
            path = entry.get("path", ())
            patterns += [path] if isinstance(path, str) else list(path)
    return [name for name in files if any(fnmatch(name, pattern) for pattern in patterns)]


def _entries(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, str):
        return [{"path": value}]
    return [entry if isinstance(entry, Mapping) else {"path": entry} for entry in value or ()]


def _by_name(files: Sequence[str], ref: HubRef) -> list[str]:
    within = [name for name in files if not ref.config or ref.config in Path(name).parts[:-1]]
    within = within or [name for name in files if _words(name, ref.config)]
    if ref.split:
        return [name for name in within if _words(name, ref.split)]
    return [name for name in within if _words(name, "train")] or within


def _words(name: str, word: str) -> bool:
    """Whether a folder or a word of the file's name is ``word``: train-00000-of-00002.parquet, data/train/0.jsonl."""
    path = Path(name)
    return word in path.parts[:-1] or word in re.split(r"[-_.]", path.name)


def _cached(ref: HubRef) -> HubFiles:
    from huggingface_hub import DatasetCard, snapshot_download

    version, kind = ref.revision or None, "dataset"
    folder = Path(
        _asked(ref, lambda: snapshot_download(ref.name, repo_type=kind, revision=version, local_files_only=True))
    )
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    card = _card(DatasetCard.load(folder / _CARD).data if _CARD in names else None)
    taken = chosen(names, ref, card.get("configs"))
    left = tuple(name for name in names if is_known(Path(name)) and name not in taken)
    return HubFiles(ref, folder.name, _license(card), {name: folder / name for name in taken}, left)


def _card(data: Any) -> dict[str, Any]:
    return dict(data.to_dict()) if data else {}


def _license(card: Mapping[str, Any]) -> str:
    value = card.get("license_name") or card.get("license") or ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _asked(ref: HubRef, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except UserError:
        raise
    except Exception as error:  # the hub's client raises errors of many families, all of them about the reference
        revision = f" at {ref.revision}" if ref.revision else ""
        raise UserError(
            f"could not get {ref.name}{revision} from the hub ({type(error).__name__})",
            field="sources.path",
            fix="Check the name, the revision, the network and HF_ENDPOINT, or name a local file or folder",
        ) from error
