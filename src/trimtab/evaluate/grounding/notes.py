"""What a reader sees of one case beside its scores: what nothing holds, wrong quotations, unknown ids, refusals."""

from trimtab.evaluate.grounding.fidelity import references, wrong_quotes
from trimtab.evaluate.grounding.presence import refusal_note
from trimtab.evaluate.grounding.spans import sources_of, ungrounded
from trimtab.evaluate.transcript import passages, tool_results
from trimtab.records import Case
from trimtab.tools import Outcome


def grounding_notes(case: Case, outcome: Outcome) -> dict[str, object]:
    """``ungrounded`` (character spans of ``raw_answer``), ``wrong_quotes`` each with the nearest real one,
    ``unknown_ids``, ``refusal`` and ``because``; only what there is."""
    answer, sources = outcome.raw_answer, sources_of(case, outcome)
    messages = (*case.messages, *outcome.turns)
    known = passages(messages)
    asked = [message.content for message in case.messages if message.role == "user"]
    notes: dict[str, object] = {
        "ungrounded": [list(span) for span in ungrounded(answer, sources).spans] if sources.shown else [],
        "wrong_quotes": [
            {"quote": one.quote, "nearest": one.nearest}
            for one in wrong_quotes(answer, known, [*tool_results(messages), *asked])
        ],
        "unknown_ids": [name for name in dict.fromkeys(references(answer)[0]) if name not in known],
        **refusal_note(answer),
    }
    return {name: value for name, value in notes.items() if value}
