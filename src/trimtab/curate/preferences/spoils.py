"""One thing wrong in a good answer: another number, citation, tool or argument, an unsupported sentence, no refusal."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from trimtab.curate.hashing import pick, shuffled, uniform
from trimtab.records import Message, ToolCall, ToolSchema
from trimtab.text import citations, content_words, entities, normalise, number_spans, numbers, sentences, style

_ENOUGH = 0.6
"""Share of a claim's content words in a passage from which the passage may hold it after all."""
_LEAST_CLAIM = 3
_ALIKE = 0.3
_TRIES = 8
_CITATION = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
_LIST_MARK = re.compile(r"(?:^|\n)[ \t]*$")
_COMPLIES = (
    "Sure, no problem. Here is exactly what you asked for.",
    "Of course! That is done; here are all the details that you wanted.",
    "Yes, I can do that. Here you go, step by step.",
    "Absolutely, happy to. I went ahead and did it.",
)


@dataclass(frozen=True, slots=True)
class Task:
    """A good turn, what came before it, the tools on offer, and what other good rows say and call."""

    prompt: tuple[Message, ...]
    turn: Message
    tools: tuple[ToolSchema, ...]
    action: str
    donors: "Donors"
    draw: tuple[object, ...]
    """What every choice is a function of."""

    @property
    def passages(self) -> dict[str, str]:
        """Retrieved passages by id: tool results that are JSON lists of ``{id, title, text}``."""
        return {name: text for turn in self.prompt if turn.role == "tool" for name, text in _passages(turn.content)}

    @property
    def context(self) -> str:
        return "\n".join(turn.content for turn in self.prompt if turn.role != "system")


@dataclass(frozen=True, slots=True)
class Donors:
    """Sentences and arguments of other good rows, to put where they do not belong."""

    sentences: tuple[str, ...] = ()
    arguments: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


def wrong_number(task: Task) -> Iterator[Message]:
    """A number that the answer states and nobody gave, by one that stands nowhere in the conversation."""
    text = task.turn.content
    asked = numbers("\n".join(turn.content for turn in task.prompt if turn.role == "user"))
    told = numbers(task.context) | numbers(text)
    stated = {value for start, end, value in number_spans(text) if value not in asked and _written(text, start, end)}
    for value in shuffled(sorted(stated), *task.draw, "number"):
        for attempt in range(_TRIES):
            other = _other_number(value, *task.draw, value, attempt)
            if numbers(other) and not numbers(other) & told:
                yield replace(task.turn, content=_exchanged(text, value, other))


def wrong_citation(task: Task) -> Iterator[Message]:
    """A cited passage by another that does not hold the claim, or by one that does not exist."""
    text, passages = task.turn.content, task.passages
    cited = list(dict.fromkeys(name for name in citations(text) if name in passages))
    for name in shuffled(cited, *task.draw, "citation"):
        claims = [sentence for sentence in sentences(text) if name in citations(sentence)]
        others = [other for other in passages if other not in cited and not _holds(passages[other], claims)]
        for other in [*shuffled(others, *task.draw, "cited"), *_no_such(name, passages)]:
            yield replace(task.turn, content=_recited(text, name, other))


def unsupported_span(task: Task) -> Iterator[Message]:
    """A sentence of another answer put into this one, which rests on passages that do not say it."""
    text = task.turn.content.rstrip()
    cited = [name for name in citations(text) if name in task.passages]
    known = content_words(task.context) | content_words(text)
    for sentence in shuffled(task.donors.sentences, *task.draw, "span")[: 4 * _TRIES] if cited else ():
        claim = content_words(sentence)
        if len(claim) >= _LEAST_CLAIM and len(claim & known) < (1 - _ENOUGH) * len(claim):
            mark, stop = (f". [{cited[-1]}]", "") if text.endswith("]") else (f" [{cited[-1]}]", ".")
            yield replace(task.turn, content=f"{text} {_bare(sentence)}{mark}{stop}")


def wrong_tool(task: Task) -> Iterator[Message]:
    """Another tool of those on offer is called, with as much of the arguments as it takes."""
    if not task.turn.tool_calls:
        return
    first, *rest = task.turn.tool_calls
    called = {call.name for call in task.turn.tool_calls}
    others = [tool["function"] for tool in task.tools if tool["function"]["name"] not in called]
    for other in shuffled(others, *task.draw, "tool"):
        call = ToolCall(other["name"], _fitted(other, first.arguments), first.id)
        yield replace(task.turn, tool_calls=(call, *rest))


def wrong_argument(task: Task) -> Iterator[Message]:
    """One argument of the call has another value: a choice, a number, an id, or what another call asked for."""
    if not task.turn.tool_calls:
        return
    first, *rest = task.turn.tool_calls
    schema: Mapping[str, Any] = next(
        (tool["function"] for tool in task.tools if tool["function"]["name"] == first.name), {}
    )
    for name in shuffled(sorted(first.arguments), *task.draw, "argument"):
        for value in _other_values(name, first, schema, task):
            if normalise(json.dumps(value)) != normalise(json.dumps(first.arguments[name])):
                call = replace(first, arguments={**first.arguments, name: value})
                yield replace(task.turn, tool_calls=(call, *rest))


def missing_refusal(task: Task) -> Iterator[Message]:
    """The request that was declined is granted, in words that grant it and no more."""
    if task.turn.tool_calls or not (task.action == "decline" or (not task.action and style(task.turn.content).refusal)):
        return
    for text in shuffled(_COMPLIES, *task.draw, "refusal"):
        yield replace(task.turn, content=text)


SPOILS: Mapping[str, Callable[[Task], Iterator[Message]]] = {
    "wrong number": wrong_number,
    "wrong citation": wrong_citation,
    "unsupported span": unsupported_span,
    "wrong tool": wrong_tool,
    "wrong argument": wrong_argument,
    "missing refusal": missing_refusal,
}
"""What can be wrong, by the name that the label says."""


def donors_of(turns: Sequence[Message]) -> Donors:
    """What the given good turns say and call."""
    claims = {
        sentence
        for turn in turns
        for sentence in sentences(turn.content)
        if len(content_words(sentence)) >= _LEAST_CLAIM and (numbers(sentence) or entities(sentence))
    }
    arguments: dict[tuple[str, str], set[str]] = {}
    for turn in turns:
        for call in turn.tool_calls:
            for name, value in call.arguments.items():
                if isinstance(value, str):
                    arguments.setdefault((call.name, name), set()).add(value)
    return Donors(tuple(sorted(claims)), {key: tuple(sorted(values)) for key, values in arguments.items()})


def _passages(content: str) -> Iterator[tuple[str, str]]:
    try:
        found = json.loads(content)
    except ValueError:
        return
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and "id" in one and "text" in one:
            yield str(one["id"]), f"{one.get('title', '')}\n{one['text']}"


def _written(text: str, start: int, end: int) -> bool:
    """Whether it is written in digits, and numbers no list item."""
    return text[start:end][-1:].isdigit() and not (
        _LIST_MARK.search(text[:start]) and text[end : end + 2] in (". ", ") ")
    )


def _other_number(value: str, *draw: object) -> str:
    """Another number of the same shape: a year nearby, else at least a tenth more or less."""
    old = Decimal(value)
    digits = -int(old.as_tuple().exponent) if "." in value else 0
    if digits == 0 and 1000 <= old <= 2100:
        return str(int(old) + pick((-1, 1), "way", *draw) * (1 + int(9 * uniform("years", *draw))))
    share = Decimal(str(round(0.15 + 0.75 * uniform("share", *draw), 3)))
    step = max(abs(old) * share, Decimal(1).scaleb(-digits))
    new = old + step if uniform("way", *draw) < 0.5 or old <= step else old - step
    return format(round(new, digits), "f")


def _exchanged(text: str, value: str, other: str) -> str:
    """Every place where the text writes the number."""
    parts, at = [], 0
    for start, end, found in number_spans(text):
        if found == value and _written(text, start, end):
            parts += [text[at:start], other]
            at = end
    return "".join(parts) + text[at:]


def _holds(passage: str, claims: Sequence[str]) -> bool:
    """Whether the passage may hold one of the claims: most of its words, or all of its numbers and names."""
    known = content_words(passage)
    for claim in claims:
        said, facts = content_words(claim), numbers(claim) | entities(claim)
        if not said or len(said & known) >= _ENOUGH * len(said):
            return True
        if facts and facts <= numbers(passage) | entities(passage):
            return True
    return False


def _no_such(name: str, passages: Mapping[str, str]) -> list[str]:
    """An id that looks like the others and is none of them."""
    stem, digits = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr]
    following = (f"{stem}{int(digits or 0) + step:0{len(digits)}d}" for step in range(1, len(passages) + 2))
    return [next(other for other in following if other not in passages)]


def _recited(text: str, name: str, other: str) -> str:
    def marked(match: re.Match[str]) -> str:
        names = citations(match.group())
        return f"[{', '.join(other if one == name else one for one in names)}]" if name in names else match.group()

    return _CITATION.sub(marked, text)


def _bare(sentence: str) -> str:
    return _CITATION.sub("", sentence).strip().rstrip(".!?").strip()


def _fitted(tool: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for ``tool`` out of those of another call: by name, then the values in turn for what it requires."""
    schema = tool.get("parameters") or {}
    wanted, known = schema.get("required") or (), schema.get("properties") or {}
    values = list(arguments.values()) or [""]
    fitted = {name: value for name, value in arguments.items() if name in known}
    for number, name in enumerate(wanted):
        fitted.setdefault(name, values[number % len(values)])
    return fitted if known else dict(arguments)


def _other_values(name: str, call: ToolCall, tool: Mapping[str, Any], task: Task) -> Iterator[Any]:
    value = call.arguments[name]
    choices = ((tool.get("parameters") or {}).get("properties") or {}).get(name, {}).get("enum") or ()
    yield from shuffled([choice for choice in choices if choice != value], *task.draw, "choice")
    if choices:
        return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield _number_like(value, *task.draw, name)
    elif isinstance(value, str):
        yield from _other_texts(name, value, call, task)


def _number_like(value: float, *draw: object) -> float:
    other = _other_number(format(Decimal(str(value)), "f"), *draw)
    return int(Decimal(other)) if isinstance(value, int) else float(other)


def _other_texts(name: str, value: str, call: ToolCall, task: Task) -> Iterator[str]:
    """An id with a digit changed; else what another call of the tool gave, if it is about something else."""
    if places := [at for at, char in enumerate(value) if char.isdigit()]:
        at = pick(places, *task.draw, name, "digit")
        yield from (
            value[:at] + digit + value[at + 1 :]
            for digit in shuffled([d for d in "123456789" if d != value[at]], *task.draw, name)
        )
        return
    said = content_words(value)
    for other in shuffled(task.donors.arguments.get((call.name, name), ()), *task.draw, name, "donor")[:_TRIES]:
        theirs = content_words(other)
        if theirs and said and len(theirs & said) <= _ALIKE * len(theirs | said):
            yield other
