"""Choice probability: how likely each option's letter is as the beginning of the answer, held against the others."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from trimtab.evaluate.action import Wording
from trimtab.evaluate.confidence.instrument import Instrument, Pair
from trimtab.evaluate.probes import Confidence
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case
from trimtab.stats import scaled


def choice(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> P(likeliest letter) among the letters of a ``choice`` case, and whether that letter is right.

    softmax over the options of Σ log p(letter's tokens | prompt), as MMLU is scored; whatever the case's answer said.
    Needs an instrument that scores.
    """
    asked = [case for case in cases if case.expected.check.get("kind") == "choice"]
    if instrument is None or instrument.score is None or not asked:
        return {}
    pairs: list[Pair] = []
    for case in asked:
        letters = ascii_uppercase[: len(case.expected.check["options"])]
        pairs += instrument.answers(case.messages, letters, instrument.tools_of(case))
    sums = iter([sum(logprobs) for logprobs in instrument.score(pairs)])
    return {case.id: _confidence(case, [next(sums) for _ in case.expected.check["options"]]) for case in asked}


def _confidence(case: Case, logits: Sequence[float]) -> Confidence:
    right = ascii_uppercase.index(str(case.expected.check["letter"]))
    shares = scaled(logits, 1.0)
    return Confidence(float(shares.max()), int(shares.argmax()) == right, tuple(logits), right)
