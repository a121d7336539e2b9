"""Answer-token probability: how sure the model was of the tokens that are the answer, not of the words around them."""

import math
import re
from collections.abc import Callable, Mapping, Sequence

from trimtab.evaluate.action import Wording
from trimtab.evaluate.checks.exact import choice_span
from trimtab.evaluate.checks.numbers import number_span
from trimtab.evaluate.confidence.instrument import Instrument
from trimtab.evaluate.probes import Confidence, was_right
from trimtab.evaluate.transcript import Transcript
from trimtab.model import Dialect
from trimtab.records import Case
from trimtab.text import citations, entities, number_spans
from trimtab.tools import Outcome

Span = tuple[int, int]
"""Characters from, characters to."""


def answer_tokens(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> the product of the probabilities of its answer's own tokens, and whether it was right."""
    return _over(cases, transcripts, instrument, wording, sum)


def least_token(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> the least of the probabilities of its answer's own tokens, and whether it was right."""
    return _over(cases, transcripts, instrument, wording, min)


def answer_spans(case: Case, answer: str) -> list[Span]:
    """Where the answer itself stands in what was said: the number or option where the case asks for one, else all that
    can be checked: numbers, names and cited ids. It never looks at what would have been right.
    """
    kind = case.expected.check.get("kind")
    if kind in ("number", "choice"):
        span = number_span(answer) if kind == "number" else choice_span(answer)
        return [span] if span is not None else []
    spans = [(start, end) for start, end, _ in number_spans(answer)]
    for text in {*entities(answer), *citations(answer)}:
        spans += [match.span() for match in re.finditer(re.escape(text), answer)]
    return sorted(set(spans))


def logprobs_of(outcome: Outcome, spans: Sequence[Span], dialect: Dialect) -> list[float]:
    """Log-probs of the tokens that overlap the spans of ``raw_answer``, in order; empty where tokens do not spell it.

    The answer is the last place in all that was generated where its bytes stand.
    """
    pieces = [dialect.token_bytes(token) for token in outcome.token_ids]
    begin = b"".join(pieces).rfind(outcome.raw_answer.encode())
    if begin < 0 or len(pieces) != len(outcome.logprobs):
        return []
    wanted = [tuple(begin + len(outcome.raw_answer[:end].encode()) for end in span) for span in spans]
    found, place = [], 0
    for piece, logprob in zip(pieces, outcome.logprobs, strict=True):
        after = place + len(piece)
        if any(place < end and start < after for start, end in wanted):
            found.append(logprob)
        place = after
    return found


def _over(
    cases: Sequence[Case],
    transcripts: Mapping[str, Transcript],
    instrument: Instrument | None,
    wording: Wording,
    joined: Callable[[list[float]], float],
) -> dict[str, Confidence]:
    found: dict[str, Confidence] = {}
    for case in cases if instrument is not None else ():
        assert instrument is not None
        outcome, right = transcripts[case.id].outcome, was_right(case, transcripts[case.id], wording)
        if outcome is None or right is None:
            continue
        if own := logprobs_of(outcome, answer_spans(case, outcome.raw_answer), instrument.dialect):
            found[case.id] = Confidence(math.exp(min(joined(own), 0.0)), right)
    return found
