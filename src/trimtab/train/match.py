"""Whether a reference reads the very tokens that the policy reads: log-probs of other tokens cannot be subtracted."""

import json
from pathlib import Path
from typing import Any

from trimtab.model import Dialect, load_tokenizer
from trimtab.records import UserError

_SHAPING = ("model", "normalizer", "pre_tokenizer", "added_tokens")
"""The parts of ``tokenizer.json`` that text to ids depends on; padding, truncation and decoding do not count."""
_FIX = "Use the checkpoint that the policy was taught from, or another of the same family with the same template"


def check_reference(policy: Path, reference: Path) -> None:
    """Raises UserError, before anything is trained, where tokenizer, template or vocabulary size differ."""
    if reference == policy:
        return
    differing = [name for name in _SHAPING if _shape(policy)[name] != _shape(reference)[name]]
    if differing:
        raise UserError(
            f"the reference's tokenizer is not the policy's: they differ in {', '.join(differing)}",
            file=reference,
            expected=f"the tokenizer of {policy}",
            fix=_FIX,
        )
    if Dialect.of(reference).digest != Dialect.of(policy).digest:
        raise UserError(
            "the reference's chat template is not the policy's",
            file=reference,
            expected=f"the template of {policy}",
            fix=_FIX,
        )
    sizes = {folder: _vocabulary(folder) for folder in (policy, reference)}
    if sizes[policy] != sizes[reference]:
        raise UserError(
            f"the reference predicts {sizes[reference]} tokens and the policy {sizes[policy]}", file=reference, fix=_FIX
        )


def _shape(folder: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(load_tokenizer(folder).backend_tokenizer.to_str())
    return {name: written.get(name) for name in _SHAPING}


def _vocabulary(folder: Path) -> int | None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = config.get("vocab_size", config.get("text_config", {}).get("vocab_size"))
    return None if size is None else int(size)
