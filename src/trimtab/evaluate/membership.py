"""Whether a model seems to have seen texts: Min-K%++ and a perplexity gap. Weak evidence, shown and never gated."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from trimtab.stats import Interval, auc_interval, difference_interval

SHARE = 0.2
"""Of a text's tokens, those that the model found least likely for what it expected there."""
_FLAT = 1e-6


class Moment(Protocol):
    """What ``engine.token_moments`` gives for a token."""

    @property
    def logp(self) -> float: ...
    @property
    def mean(self) -> float: ...
    @property
    def std(self) -> float: ...


Groups = tuple[Sequence[Sequence[Moment]], Sequence[Sequence[Moment]]]
"""Moments of the sealed texts and of the reference texts."""


@dataclass(frozen=True, slots=True)
class Membership:
    """``release`` and ``base``: AUC of Min-K%++, sealed against reference texts (0.5: no telling them apart).

    ``gap``: how much more likely the release than π0 finds a sealed text, less the same for a reference text, in nats
    a token; above 0 it has learnt the sealed texts beyond what teaching does to any text.
    """

    sealed: int
    reference: int
    release: Interval
    base: Interval
    gap: Interval

    def to_json(self) -> dict[str, Any]:
        return {key: _rounded(value) for key, value in asdict(self).items()}

    def sentences(self) -> list[str]:
        """For people."""
        return [
            f"Min-K%++ AUC, {self.sealed} sealed against {self.reference} reference texts: "
            f"{_said(self.release)} for the release, {_said(self.base)} for π0 (0.5: no sign of membership)",
            f"perplexity gap: {_said(self.gap)} nats a token (above 0: sealed texts became likelier than others did)",
            "Shown for information: such scores are weak evidence, and no gate reads them.",
        ]


def min_k_plus_plus(moments: Sequence[Moment], share: float = SHARE) -> float:
    """Mean of the least ``share`` of (log p(x_t) − μ_t)/σ_t (Zhang et al. 2024, Min-K%++, equation 3); one at least.

    μ_t and σ_t are mean and deviation of log p over the vocabulary under p. Raises ValueError on no token.
    """
    if not moments:
        raise ValueError("needs at least one token")
    scores = sorted((one.logp - one.mean) / max(one.std, _FLAT) for one in moments)
    kept = scores[: max(1, int(len(scores) * share))]
    return sum(kept) / len(kept)


def membership(release: Groups, base: Groups) -> Membership:
    """From the moments of (sealed, reference) texts under the release and under π0. Texts of no token are left out.

    Raises ValueError where a group has fewer than two texts.
    """
    sealed, reference = (_gains(release[i], base[i]) for i in range(2))
    if min(len(sealed), len(reference)) < 2:
        raise ValueError("needs at least two texts in each group")
    return Membership(len(sealed), len(reference), _area(release), _area(base), difference_interval(sealed, reference))


def _area(groups: Groups) -> Interval:
    sealed, reference = ([min_k_plus_plus(text) for text in group if text] for group in groups)
    return auc_interval(sealed, reference)


def _gains(release: Sequence[Sequence[Moment]], base: Sequence[Sequence[Moment]]) -> list[float]:
    """By text: mean log p under the release less that under π0."""
    return [_mean_logp(one) - _mean_logp(other) for one, other in zip(release, base, strict=True) if one and other]


def _mean_logp(moments: Sequence[Moment]) -> float:
    return sum(one.logp for one in moments) / len(moments)


def _said(at: Interval) -> str:
    return f"{at.value:.3f} [{at.low:.3f}, {at.high:.3f}]"


def _rounded(value: Any) -> Any:
    return {key: round(one, 6) for key, one in value.items()} if isinstance(value, dict) else value
