"""Whether an answer is right, by the good row's own evidence: its calls, citations, action, number or short answer."""

from trimtab.evaluate.action import classify
from trimtab.evaluate.routes.matching import argument_match, routing_matches
from trimtab.records import Example, Message
from trimtab.text import citations, normalise, number_spans, numbers, strip_citations

_SHORT = 5
"""Words up to which an answer is told right or wrong by being said."""
_UNSAID = ("clarify", "defer", "decline")


def asked_of(example: Example) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The conversation up to the last user's or tool's turn, and the good answer after it."""
    last = max((i for i, message in enumerate(example.messages) if message.role in ("user", "tool")), default=-1) + 1
    return example.messages[:last], example.messages[last:]


def passes(example: Example, answer: Message) -> bool | None:
    """Whether ``answer`` does what the row's good answer does; None where nothing in the row can tell."""
    prompt, good = asked_of(example)
    if not prompt or not good or good[0].role != "assistant":
        return None
    wanted = good[0]
    if wanted.tool_calls:
        made = answer.tool_calls
        return bool(routing_matches(wanted.tool_calls, made) and argument_match(wanted.tool_calls, made) == 1)
    if answer.tool_calls:
        return False
    if (action := example.labels.get("action")) in _UNSAID:
        return bool(classify(answer.content) == action)
    return _same_said(wanted.content, answer.content)


def _same_said(wanted: str, said: str) -> bool | None:
    if cited := set(citations(wanted)):
        stated = set(numbers(strip_citations(wanted)))
        return set(citations(said)) == cited and stated <= set(numbers(strip_citations(said)))
    if numbers(wanted):
        return _final(wanted) == _final(said)
    form = normalise(wanted)
    return f" {form} " in f" {normalise(said)} " if form and len(form.split()) <= _SHORT else None


def _final(text: str) -> frozenset[str]:
    """The last number that a text states, in normal form."""
    spans = number_spans(text)
    return frozenset(numbers(text[spans[-1][0] : spans[-1][1]])) if spans else frozenset()
