"""How varied the words are, corrected for how many there are."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt


def ead(token_lists: Sequence[Sequence[Hashable]], vocab_size: int) -> float:
    """Expectation-adjusted distinct, N / (V · [1 − ((V − 1)/V)^C]) (Liu et al. 2022).

    N distinct tokens among C, held against what C draws from V equally likely tokens would show; unlike distinct-n it
    does not fall with length alone. Raises ValueError where there is no token.
    """
    distinct = len({token for tokens in token_lists for token in tokens})
    return _adjusted(distinct, sum(map(len, token_lists)), vocab_size)


def ead_contributions(token_lists: Sequence[Sequence[Hashable]], vocab_size: int) -> npt.NDArray[np.float64]:
    """The jackknife's pseudo-values, m·θ − (m − 1)·θ₋ᵢ over the m lists (Tukey 1958).

    Their mean is the EAD less its first-order bias, and their spread gives its interval. Needs two lists with tokens.
    """
    m = len(token_lists)
    holders = Counter(token for tokens in token_lists for token in set(tokens))
    total, distinct = sum(map(len, token_lists)), len(holders)
    whole = _adjusted(distinct, total, vocab_size)
    values = []
    for tokens in token_lists:
        own = sum(1 for token in set(tokens) if holders[token] == 1)
        without = _adjusted(distinct - own, total - len(tokens), vocab_size)
        values.append(m * whole - (m - 1) * without)
    return np.array(values)


def _adjusted(distinct: int, count: int, vocab_size: int) -> float:
    if count == 0 or vocab_size < 1:
        raise ValueError("needs at least one token and a vocabulary")
    if vocab_size == 1:
        return 1.0
    expected = -vocab_size * np.expm1(count * np.log1p(-1 / vocab_size))
    return float(distinct / expected)
