"""Full-vocabulary KL between two models on given completions, shared beginnings computed once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trimtab.engine.core import Unsupported
from trimtab.engine.forward import extend
from trimtab.engine.kv import Row, check_cacheable
from trimtab.engine.prefixes import common_length
from trimtab.model import load
from trimtab.records import UserError

_CHUNK = 256  # rows of [N, V] at once


def kl_per_token(
    p_folder: Path,
    q_folder: Path,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    dtype: str = "float32",
) -> list[list[float]]:
    """KL(p ‖ q) in nats at each completion token of each ``(prompt_ids, completion_ids)``, in their order.

    KL = Σ_v p(v) (log p(v) - log q(v)) over the whole vocabulary, at the position that predicts the token. Sequences
    are visited in the order of a prefix tree, so what neighbours share is computed once. Raises UserError where the
    vocabularies differ or a prompt is empty.
    """
    return [[kl for kl, _ in one] for one in divergence_per_token(p_folder, q_folder, pairs, dtype=dtype)]


def divergence_per_token(
    p_folder: Path,
    q_folder: Path,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    dtype: str = "float32",
) -> list[list[tuple[float, float]]]:
    """``kl_per_token`` with p's own entropy beside it, -Σ_v p(v) log p(v) in nats, from the same pass."""
    folders = (p_folder,) if p_folder == q_folder else (p_folder, q_folder)
    models: list[Any] = [load(folder, dtype=dtype) for folder in folders]
    sizes = [int(model.get_output_embeddings().weight.shape[0]) for model in models]
    if sizes[0] != sizes[-1]:
        raise UserError(f"the vocabularies differ ({sizes[0]} and {sizes[-1]} tokens), so no KL exists between them")
    if any(not prompt for prompt, _ in pairs):
        raise UserError("a prompt is empty", expected="at least one token before each completion")
    sides = [_Side(model) for model in models]
    found: list[list[tuple[float, float]]] = [[] for _ in pairs]
    with torch.inference_mode():
        for i in sorted(range(len(pairs)), key=lambda i: (*pairs[i][0], *pairs[i][1])):
            prompt, completion = pairs[i]
            if completion:
                ids, keep = [*prompt, *completion[:-1]], len(completion)
                logits = [side.logits(ids, keep) for side in sides]  # once where both are one model
                found[i] = list(zip(kl_rows(logits[0], logits[-1]), entropy_rows(logits[0]), strict=True))
    return found


def kl_rows(p_NV: Tensor, q_NV: Tensor) -> list[float]:
    """KL(p ‖ q) of each row of logits [N, V], in float32 or better."""
    found: list[float] = []
    for start in range(0, len(p_NV), _CHUNK):
        p, q = (
            (rows if rows.dtype == torch.float64 else rows.float()).log_softmax(1)
            for rows in (p_NV[start : start + _CHUNK], q_NV[start : start + _CHUNK])
        )
        found += (p.exp() * (p - q)).sum(1).tolist()
    return found


def entropy_rows(p_NV: Tensor) -> list[float]:
    """-Σ_v p(v) log p(v) of each row of logits [N, V], in float32 or better."""
    found: list[float] = []
    for start in range(0, len(p_NV), _CHUNK):
        rows = p_NV[start : start + _CHUNK]
        p = (rows if rows.dtype == torch.float64 else rows.float()).log_softmax(1)
        found += torch.special.entr(p.exp()).sum(1).tolist()
    return found


class _Side:
    """A model and the last sequence it saw; a model that cannot be cut at a prefix starts anew each time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ids: list[int] = []
        self._row: Row | None = None
        try:
            check_cacheable(model)
            self._shares = True
        except Unsupported:
            self._shares = False

    def logits(self, ids: list[int], keep: int) -> Tensor:
        """Logits [keep, V] of the last ``keep`` rows of ``ids``."""
        if not self._shares:
            whole: Tensor = self._model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=keep).logits[0]
            return whole
        shared = min(common_length(self._ids, ids), len(ids) - keep)
        row = self._row.first(shared) if self._row is not None and shared else None
        self._row, logits = extend(self._model, row, ids, keep)
        self._ids = ids
        return logits
