"""A model folder as the GGUF file that an engine reads, written once for the same weights and shape."""

import json
from dataclasses import dataclass
from pathlib import Path

from trimtab.model import default_cache, to_gguf, weights_digest
from trimtab.model.gguf_write import Kind
from trimtab.records import UserError, digest, file_digest, write_bytes

_KEPT = 4  # files; the one just asked for is the newest
_SHAPING = ("config.json", "tokenizer.json")
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """``context``: most positions; ``vocabulary``: rows of the embedding."""

    context: int
    vocabulary: int


def model_facts(folder: Path) -> ModelFacts:
    """Read from the folder's config.json. Raises UserError where it is none."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return ModelFacts(int(config.get("max_position_embeddings") or _NO_LIMIT), int(config["vocab_size"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            "no model config can be read", file=path, expected="a model as transformers saves it"
        ) from error


def gguf_of(folder: Path, workdir: Path | None = None, *, weights: str | None = None, kind: Kind = "f16") -> Path:
    """The GGUF of ``folder`` in ``workdir`` (default: ``gguf/`` in Trimtab's cache), written if it is not there.

    Named by what shapes it (weights, config and tokenizer) and by how its weights are kept. Beside it lies the digest
    of what was written, and it is given out only while its bytes are those. The four used last are kept. ``weights``
    saves computing their digest again. Raises UserError where the model cannot be written as GGUF, and where the file
    has changed since.
    """
    workdir = workdir or default_cache() / "gguf"
    shaping = {name: file_digest(folder / name) for name in _SHAPING if (folder / name).is_file()}
    target = workdir / f"{digest({'weights': weights or weights_digest(folder), **shaping})}.{kind}.gguf"
    if target.exists() and _seal(target).exists():
        _check(target)
    else:  # without its digest a file is not to be trusted: a process died between the two, or an older one wrote it
        to_gguf(folder, target, kind=kind)
        write_bytes(_seal(target), file_digest(target).encode())
    target.touch()
    _prune(workdir)
    return target


def _seal(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _check(target: Path) -> None:
    expected, found = _seal(target).read_text(encoding="utf-8").strip(), file_digest(target)
    if found != expected:
        raise UserError(
            f"the converted weights are not what was written: their sha256 is {found[:12]}",
            file=target,
            expected=expected[:12],
            fix="Find out what changed the file; once it is deleted, it is written again from the release's weights",
        )


def _prune(workdir: Path) -> None:
    """Remove all but the newest files. A running engine keeps its own open, wherever its name went."""
    newest_first = sorted(workdir.glob("*.gguf"), key=_time, reverse=True)
    for path in newest_first[_KEPT:]:
        path.unlink(missing_ok=True)
        _seal(path).unlink(missing_ok=True)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0.0
