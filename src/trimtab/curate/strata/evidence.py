"""What checks a good answer: a person, or evidence in the row itself."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trimtab.records import Example, Message
from trimtab.text import citations, numbers, strip_citations

_PEOPLE = ("annotator", "annotators", "judged_by", "reviewer")


def evidence_of(example: Example, min_quality: float | None = None) -> str:
    """``person``, ``quality``, ``calls``, ``citations``, ``numbers`` or ``reference``; empty where nothing checks it.

    A row whose evidence speaks against its answer (a failed call, a citation of no passage, a number that stands
    nowhere) has none of the latter four.
    """
    if is_edit(example) or any(example.provenance.get(name) for name in _PEOPLE):
        return "person"
    if (quality := _quality(example)) is not None and min_quality is not None and quality >= min_quality:
        return "quality"
    answer = example.messages[-1]
    if answer.role != "assistant":
        return ""
    if answer.tool_calls:
        return "calls" if all(_fits(call.name, call.arguments, example) for call in answer.tool_calls) else ""
    return _said(example, answer.content)


def is_edit(example: Example) -> bool:
    """Whether a user wrote the answer in place of a released model's: harvested examples are edits, with a parent."""
    return example.provenance.get("source") == "harvest" and bool(example.provenance.get("parents"))


def _said(example: Example, answer: str) -> str:
    results = [message.content for message in example.messages if message.role == "tool"]
    cited, stated = set(citations(answer)), set(numbers(strip_citations(answer)))
    sourced = numbers("\n".join(results)) | numbers(_asked(example.messages))
    if cited - set(_passages(results)) or (results and stated - set(sourced)):
        return ""
    if cited:
        return "citations"
    if stated and results:
        return "numbers"
    reference = example.labels.get("reference") or example.provenance.get("reference")
    return "reference" if isinstance(reference, str) and reference and reference in answer else ""


def _fits(name: str, arguments: Mapping[str, Any], example: Example) -> bool:
    """Whether a call names an offered tool and has its required arguments and no unknown ones."""
    offered = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in example.tools}
    if name not in offered:
        return False
    known, required = offered[name].get("properties") or {}, offered[name].get("required") or ()
    return set(required) <= set(arguments) and set(arguments) <= set(known)


def _quality(example: Example) -> float | None:
    """The row's own number; the cleaning stage, whose flags are called ``quality``, keeps it as ``quality_given``."""
    value = example.labels.get("quality_given", example.labels.get("quality"))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _asked(messages: tuple[Message, ...]) -> str:
    return "\n".join(message.content for message in messages if message.role in ("user", "system"))


def _passages(results: list[str]) -> Iterator[str]:
    """Ids of the passages in results that are JSON lists of ``{id, text}``."""
    for result in results:
        try:
            rows = json.loads(result)
        except ValueError:
            continue
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, Mapping) and isinstance(row.get("id"), str):
                yield row["id"]
