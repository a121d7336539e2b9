"""One sequence through a model on top of a cached beginning: its cache and the logits of its last rows.

Axes: T new tokens, N scored rows, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trimtab.engine.kv import Row, cache_of, row_of

_CHUNK = 256  # rows of [N, V] float32 at once


def extend(model: Any, row: Row | None, ids: Sequence[int], keep: int) -> tuple[Row, Tensor]:
    """Forward what ``row`` does not cover of ``ids``; gives the row of all ids and the last ``keep`` logits [keep, V].

    ``row`` must be a beginning of ``ids`` that leaves at least ``keep`` tokens.
    """
    start = 0 if row is None else row.length
    assert 0 < keep <= len(ids) - start
    cache = cache_of(row, len(ids) - start)
    output = model(
        input_ids=torch.tensor([list(ids[start:])]), past_key_values=cache, use_cache=True, logits_to_keep=keep
    )
    return row_of(cache), output.logits[0]


def log_softmax_at(logits_NV: Tensor, targets: Sequence[int]) -> list[float]:
    """Log-prob (nats) of each row's target: logit - log-sum-exp, in float32 or better."""
    found: list[float] = []
    for start in range(0, len(targets), _CHUNK):
        rows = logits_NV[start : start + _CHUNK]
        rows = rows if rows.dtype == torch.float64 else rows.float()
        index = torch.tensor(targets[start : start + _CHUNK])[:, None]
        found += (rows.gather(1, index)[:, 0] - rows.logsumexp(1)).tolist()
    return found


def score(
    model: Any, row: Row | None, prompt_ids: Sequence[int], completion_ids: Sequence[int]
) -> tuple[Row, list[float]]:
    """Log-prob of each completion token given all before it, on top of a cached beginning of the prompt."""
    ids = [*prompt_ids, *completion_ids]
    row, logits = extend(model, row, ids[:-1], keep=len(completion_ids))
    return row, log_softmax_at(logits, completion_ids)
