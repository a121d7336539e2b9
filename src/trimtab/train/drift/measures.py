"""What a monitor reads from a model's answers to the probe prompts: pure functions, answers in and numbers out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.records import Case
from trimtab.stats import Interval, ead, ead_contributions, ece, ece_contributions, mean_interval, paired_interval
from trimtab.text import style


@dataclass(frozen=True, slots=True)
class Answer:
    """One probe prompt's answer: as tokens, their log-probs (nats, temperature 1), and as text."""

    case: Case
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logp: tuple[float, ...]
    text: str

    @property
    def confidence(self) -> float:
        """The geometric mean of the tokens' probabilities, in [0, 1]; 0 for an empty answer."""
        return min(math.exp(sum(self.logp) / len(self.logp)), 1.0) if self.logp else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric: its value, how many cases it rests on, and its 95 % interval where one is known."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None


Reading = dict[str, Measured]
Probe = Callable[[Sequence[Answer]], Mapping[str, float]]
"""Measures of another room on the same answers, such as grounding precision."""
Judge = Callable[[Sequence[Answer]], Sequence[float]]
"""A score for each answer."""


def read_answers(
    answers: Sequence[Answer],
    kl: Sequence[Sequence[float]],
    vocabulary: int,
    *,
    probe: Probe | None = None,
    proxy: Judge | None = None,
    judge: Judge | None = None,
) -> Reading:
    """Every measure that these answers allow. ``kl``: nats at each token of each answer."""
    return {
        **drift(answers, kl, vocabulary),
        **manner(answers),
        **calibration(answers),
        **rewards(answers, proxy, judge),
        **{name: Measured(value, len(answers)) for name, value in (probe(answers) if probe else {}).items()},
    }


def drift(answers: Sequence[Answer], kl: Sequence[Sequence[float]], vocabulary: int) -> Reading:
    """``kl`` to π0 a token, clustered by answer; ``tokens`` an answer; ``ead`` (Liu et al. 2022) of all tokens."""
    found = {"tokens": _measured(mean_interval([float(len(answer.token_ids)) for answer in answers], lower=0.0))}
    nats = [(place, value) for place, values in enumerate(kl) for value in values]
    if nats:
        places, values = zip(*nats, strict=True)
        found["kl"] = _measured(mean_interval(values, clusters=places, lower=0.0))
    spoken = [answer.token_ids for answer in answers if answer.token_ids]
    if spoken:
        found["ead"] = _diversity(spoken, vocabulary)
    return found


def _diversity(spoken: Sequence[Sequence[int]], vocabulary: int) -> Measured:
    """The plain EAD, with the jackknife's interval around it where two answers or more allow one."""
    value = ead(spoken, vocabulary)
    if len(spoken) < 2:
        return Measured(value, len(spoken))
    interval = mean_interval(ead_contributions(spoken, vocabulary).tolist())
    half = (interval.high - interval.low) / 2
    return Measured(value, len(spoken), max(value - half, 0.0), value + half)


def manner(answers: Sequence[Answer]) -> Reading:
    """``hedging`` and ``citation_rate``: the shares of answers with a hedge, and with a citation."""
    styles = [style(answer.text) for answer in answers]
    shares = {
        "hedging": [float(found.hedges > 0) for found in styles],
        "citation_rate": [float(found.citations > 0) for found in styles],
    }
    return {name: _measured(mean_interval(values)) for name, values in shares.items()}


def calibration(answers: Sequence[Answer]) -> Reading:
    """``correct`` and ``ece`` over the answers whose case expects facts: right where the text has them all."""
    known = [answer for answer in answers if answer.case.expected.facts]
    if not known:
        return {}
    correct = [is_correct(answer) for answer in known]
    confidence = [answer.confidence for answer in known]
    interval = mean_interval(ece_contributions(confidence, correct).tolist(), lower=0.0, upper=1.0)
    return {
        "correct": _measured(mean_interval([float(right) for right in correct])),
        "ece": Measured(ece(confidence, correct), len(known), interval.low, interval.high),
    }


def is_correct(answer: Answer) -> bool:
    """All expected facts are in the text and nothing forbidden is, letter case apart."""
    text, expected = answer.text.casefold(), answer.case.expected
    has_all = all(fact.casefold() in text for fact in expected.facts)
    return has_all and not any(bad.casefold() in text for bad in expected.forbidden)


def rewards(answers: Sequence[Answer], proxy: Judge | None, judge: Judge | None) -> Reading:
    """``proxy_reward``: what training maximises; ``judge_reward``: a judge it does not see; ``reward_gap``: their
    paired difference, which grows where the proxy is gamed (Gao et al. 2023). Both should speak in one unit."""
    given = {name: list(score(answers)) for name, score in (("proxy", proxy), ("judge", judge)) if score is not None}
    found = {f"{name}_reward": _measured(mean_interval(scores)) for name, scores in given.items()}
    if len(given) == 2:
        found["reward_gap"] = _measured(paired_interval(given["proxy"], given["judge"]))
    return found


def _measured(interval: Interval) -> Measured:
    low, high = (end if math.isfinite(end) else None for end in (interval.low, interval.high))
    return Measured(interval.value, interval.n, low, high)
