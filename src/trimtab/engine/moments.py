"""What a model thought at each token of a text: the token's log-prob, and mean and spread over the whole vocabulary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trimtab.model import load


class Moment(NamedTuple):
    """In nats: log p of the token, the mean of log p(v) under p, and its standard deviation under p."""

    logp: float
    mean: float
    std: float


def token_moments(folder: Path, sequences: Sequence[Sequence[int]], *, dtype: str = "float32") -> list[list[Moment]]:
    """One ``Moment`` for each token after the first of each sequence of token ids."""
    model: Any = load(folder, dtype=dtype)
    found = []
    with torch.inference_mode():
        for ids in sequences:
            if len(ids) < 2:
                found.append(list[Moment]())
                continue
            logits_TV = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, :-1]
            found.append(moments_of(logits_TV, torch.tensor(list(ids[1:]))))
    return found


def moments_of(logits_TV: Tensor, token_T: Tensor) -> list[Moment]:
    """The moments of each row of logits at its token, in float32 or better."""
    logp_TV = (logits_TV if logits_TV.dtype == torch.float64 else logits_TV.float()).log_softmax(1)
    p_TV = logp_TV.exp()
    finite_TV = torch.where(p_TV > 0, logp_TV, torch.zeros_like(logp_TV))
    mean_T = (p_TV * finite_TV).sum(1)
    variance_T = (p_TV * (finite_TV - mean_T[:, None]) ** 2).sum(1)
    chosen_T = logp_TV.gather(1, token_T[:, None])[:, 0]
    columns = (chosen_T.tolist(), mean_T.tolist(), variance_T.sqrt().tolist())
    return [Moment(*row) for row in zip(*columns, strict=True)]
