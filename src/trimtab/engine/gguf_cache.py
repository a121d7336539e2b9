"""A model folder as the GGUF file that an engine reads, written once for the same weights and shape."""

import json
from dataclasses import dataclass
from pathlib import Path

from trimtab.model import default_cache, to_gguf, weights_digest
from trimtab.records import UserError, digest, file_digest

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


def gguf_of(folder: Path, workdir: Path | None = None, *, weights: str | None = None) -> Path:
    """The F16 GGUF of ``folder`` in ``workdir`` (default: ``gguf/`` in Trimtab's cache), written if it is not there.

    Named by what shapes it: weights, config and tokenizer. The four used last are kept. ``weights`` saves
    computing their digest again. Raises UserError where the model cannot be written as GGUF.
    """
    workdir = workdir or default_cache() / "gguf"
    shaping = {name: file_digest(folder / name) for name in _SHAPING if (folder / name).is_file()}
    target = workdir / f"{digest({'weights': weights or weights_digest(folder), **shaping})}.f16.gguf"
    if not target.exists():
        to_gguf(folder, target, kind="f16")
    target.touch()
    _prune(workdir)
    return target


def _prune(workdir: Path) -> None:
    """Remove all but the newest files. A running engine keeps its own open, wherever its name went."""
    newest_first = sorted(workdir.glob("*.f16.gguf"), key=_time, reverse=True)
    for path in newest_first[_KEPT:]:
        path.unlink(missing_ok=True)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0.0
