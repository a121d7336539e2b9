"""The next token from logits: greedy, or drawn after temperature and nucleus (Holtzman et al. 2020, top-p)."""

import torch
from torch import Tensor

from trimtab.engine.core import Sampling

_COLDEST = 1e-6  # a temperature below it is 0 to float32, or divides logits beyond what it holds


def pick(
    logits_V: Tensor, sampling: Sampling, generator: torch.Generator, allowed_V: Tensor | None = None
) -> tuple[int, float]:
    """A token and its log-prob under the model itself (temperature 1, whole vocabulary).

    ``allowed_V``: the logits to choose from where a constraint forbids some (-inf).
    """
    logits_V = logits_V.float()
    from_V = logits_V if allowed_V is None else allowed_V.float()
    token = int(from_V.argmax()) if sampling.temperature == 0 else _draw(from_V, sampling, generator)
    return token, float(logits_V[token] - logits_V.logsumexp(0))


def generator_of(sampling: Sampling) -> torch.Generator:
    """A request's own random numbers: what else runs beside it does not change them."""
    generator = torch.Generator()
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)
    return generator


def _draw(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    probs_V = (logits_V / max(sampling.temperature, _COLDEST)).softmax(0)
    if sampling.top_p < 1:
        probs_V = _nucleus(probs_V, sampling.top_p)
    return int(torch.multinomial(probs_V, 1, generator=generator))


def _nucleus(probs_V: Tensor, top_p: float) -> Tensor:
    """The likeliest tokens that reach ``top_p`` together, the one that crosses it included; the rest 0."""
    sorted_V, order_V = probs_V.sort(descending=True)
    outside_V = sorted_V.cumsum(0) - sorted_V >= top_p
    outside_V[0] = False  # also where float32 takes top_p for 0
    return probs_V.index_fill(0, order_V[outside_V], 0.0)
