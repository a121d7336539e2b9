"""P(True): the model is shown its own answer and asked whether it is true (Kadavath et al. 2022, section 4)."""

from collections.abc import Mapping, Sequence

from trimtab.evaluate.action import Wording
from trimtab.evaluate.confidence.instrument import Instrument, Pair
from trimtab.evaluate.probes import Confidence, was_right
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, Message
from trimtab.stats import scaled

_ASKS = "Question: {question}\n\nProposed answer: {answer}\n\nIs the proposed answer true? Reply with True or False."


def p_true(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> P("True") / (P("True") + P("False")) as the answer's beginning, and whether the answer was right.

    Of cases that ended with an answer in words. Needs an instrument that scores.
    """
    shown = {case.id: case for case in cases if (one := transcripts[case.id].outcome) and one.raw_answer.strip()}
    right = {case_id: was_right(case, transcripts[case_id], wording) for case_id, case in shown.items()}
    known = {case_id: one for case_id, one in right.items() if one is not None}
    if instrument is None or instrument.score is None or not known:
        return {}
    pairs: list[Pair] = []
    for case_id in known:
        pairs += instrument.answers([_question(shown[case_id], transcripts[case_id])], ("True", "False"), ())
    sums = iter([sum(logprobs) for logprobs in instrument.score(pairs)])
    return {
        case_id: Confidence(float(scaled((next(sums), next(sums)), 1.0)[0]), correct)
        for case_id, correct in known.items()
    }


def _question(case: Case, transcript: Transcript) -> Message:
    outcome = transcript.outcome
    assert outcome is not None
    users = [turn.content for turn in (*case.messages, *outcome.turns) if turn.role == "user"]
    return Message("user", _ASKS.format(question=users[-1] if users else "", answer=outcome.raw_answer.strip()))
