"""How sure a model is of its answers, from several sources, and what that is worth against what was right."""

from collections.abc import Callable, Mapping, Sequence

from trimtab.evaluate.action import MARKERS_ONLY, Wording
from trimtab.evaluate.confidence.answer_tokens import answer_tokens, least_token
from trimtab.evaluate.confidence.choice import choice
from trimtab.evaluate.confidence.instrument import Instrument, Pair
from trimtab.evaluate.confidence.p_true import p_true
from trimtab.evaluate.confidence.stated import stated
from trimtab.evaluate.probes import Confidence, confidence_of
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, UserError

__all__ = ["SOURCES", "Confidence", "Instrument", "Pair", "confidences"]

Source = Callable[[Sequence[Case], Mapping[str, Transcript], Instrument | None, Wording], dict[str, Confidence]]
"""Cases and their transcripts -> case id -> confidence; a case it says nothing of is left out."""


def sequence(
    cases: Sequence[Case], transcripts: Mapping[str, Transcript], instrument: Instrument | None, wording: Wording
) -> dict[str, Confidence]:
    """Case id -> the geometric-mean probability of all that was generated, and whether it was right."""
    found = {case.id: confidence_of(case, transcripts[case.id], wording) for case in cases}
    return {case_id: one for case_id, one in found.items() if one is not None}


SOURCES: dict[str, Source] = {
    "sequence": sequence,
    "answer_tokens": answer_tokens,
    "least_token": least_token,
    "choice": choice,
    "p_true": p_true,
    "stated": stated,
}


def confidences(
    names: Sequence[str],
    cases: Sequence[Case],
    transcripts: Mapping[str, Transcript],
    instrument: Instrument | None = None,
    wording: Wording = MARKERS_ONLY,
) -> dict[str, dict[str, Confidence]]:
    """Source -> case id -> confidence. Raises UserError on a source that is not known.

    A source whose instrument is missing, or cannot score, says nothing of any case.
    """
    found = {}
    for name in names:
        if (source := SOURCES.get(name)) is None:
            raise UserError(f"unknown source {name!r}", field="evaluate.confidence", expected=" | ".join(SOURCES))
        found[name] = source(cases, transcripts, instrument, wording)
    return found
