"""Traffic into the next turn's rows: edit → SFT and a pair; thumb → unpaired; each with its origin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trimtab.records import Comparison, Example, Feedback, Message, Row, Trace, Unpaired
from trimtab.text import citations, numbers, strip_citations

Queue = Literal["sft", "preference", "unpaired"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one word on one trace teaches: rows by queue; ``refused`` says why it, or its edit, teaches nothing.

    ``fault``: the refusal speaks against whoever said it, not against the request.
    """

    rows: tuple[tuple[Queue, Row], ...] = ()
    refused: str = ""
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Harvest:
    """Rows for the three queues, and why each trace that gave none was left."""

    sft: tuple[Example, ...]
    preference: tuple[Comparison, ...]
    unpaired: tuple[Unpaired, ...]
    refused: Mapping[str, str]
    """Trace id -> reason."""


def harvest(pairs: Iterable[tuple[Trace, Feedback]]) -> Harvest:
    """Turn judged traces into rows. ``pairs`` holds exact texts (the training capture), one entry a feedback."""
    rows: dict[str, Row] = {}
    refused: dict[str, str] = {}
    for trace, feedback in pairs:
        found = lesson(trace, feedback)
        rows |= {row.id: row for _, row in found.rows}
        if found.refused:
            refused[trace.id] = found.refused
    return Harvest(
        tuple(row for row in rows.values() if isinstance(row, Example)),
        tuple(row for row in rows.values() if isinstance(row, Comparison)),
        tuple(row for row in rows.values() if isinstance(row, Unpaired)),
        refused,
    )


def lesson(trace: Trace, feedback: Feedback) -> Lesson:
    """An edit yields an Example and, where the answer had words to reject, a Comparison; a bare thumb an Unpaired row.

    An escalation or an incident without an edit yields a thumb down: it says what not to do, not what to do.
    """
    if not trace.turns or trace.error:
        return Lesson(refused="the request failed: there is no answer to learn from")
    if feedback.edit is None:
        return Lesson((("unpaired", _thumb(trace, feedback)),))
    return _edited(trace, feedback)


def _edited(trace: Trace, feedback: Feedback) -> Lesson:
    answer = Message("assistant", (feedback.edit or "").strip())
    if not answer.content:
        return Lesson(refused="the edit is empty", fault=True)
    if unsourced := _unsourced(trace, answer.content):
        stated = ", ".join(sorted(unsourced))
        reason = f"the edit states {stated}, which no tool returned and nobody said"
        return Lesson((("unpaired", _thumb(trace, feedback)),), reason)
    kept = _turns_behind(trace, answer.content)
    provenance = _provenance(trace, feedback)
    example = Example((*trace.prompt, *kept, answer), provenance=provenance, labels={"domain": "harvest"})
    original = trace.turns[len(kept) :]
    if not original or original == (answer,):
        return Lesson((("sft", example),))
    pair = Comparison((*trace.prompt, *kept), (answer,), original, reason="edited by a user", provenance=provenance)
    return Lesson((("sft", example), ("preference", pair)))


def _results(trace: Trace) -> str:
    return "\n".join(turn.content for turn in trace.turns if turn.role == "tool")


def _unsourced(trace: Trace, answer: str) -> set[str]:
    """Numbers in the edit that stand nowhere in the conversation: a person worked them out, the tools did not.

    Trained on, such an answer would teach to state numbers without the tool that gives them.
    """
    said = "\n".join((*(turn.content for turn in trace.prompt), _results(trace)))
    return set(numbers(strip_citations(answer)) - numbers(said))


def _turns_behind(trace: Trace, answer: str) -> tuple[Message, ...]:
    """The tool turns that the edited answer rests on: it cites a passage of theirs or repeats a number.

    An edit that rests on none of them says that the tools were not to be called, so they are left out.
    """
    results = _results(trace)
    cited = [passage for passage in citations(answer) if f'"{passage}"' in results]
    asked = numbers(" ".join(turn.content for turn in trace.prompt))
    shared = (numbers(strip_citations(answer)) & numbers(results)) - asked
    return trace.turns[:-1] if cited or shared else ()


def _thumb(trace: Trace, feedback: Feedback) -> Unpaired:
    good = bool(feedback.thumb) and not feedback.escalated and feedback.severity is None
    return Unpaired(trace.prompt, trace.turns, good, provenance=_provenance(trace, feedback))


def _provenance(trace: Trace, feedback: Feedback) -> dict[str, Any]:
    return {
        "source": "harvest",
        "event": feedback.id,
        "annotator": feedback.user or trace.user,
        "time": feedback.time,
        "parents": [trace.id],
        "release": trace.release,
        "comment": feedback.comment,
    }
