"""Preference pairs that differ in support alone: an answer, and the same one with one piece that nothing supports."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from trimtab.records import Comparison, Example, digest
from trimtab.text import citations, entities, normalise, number_spans, quotes, strip_citations
from trimtab.train.grounding.spans import Evidence, evidence_of, unsupported_spans

_TRIES = 20
_LEAST_QUOTED = 3
"""Words from which a text between quotation marks counts as a quotation."""
_CITATION = re.compile(r"(\[[^\[\]\n]{1,200}\])")
_MONTHS = frozenset(
    ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
) | {"December"}
_DAYS = frozenset(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))


@dataclass(frozen=True, slots=True)
class _Task:
    """An answer to spoil, what it may rest on, and where other pieces come from."""

    answer: str
    evidence: Evidence
    names: Sequence[str]
    draw: random.Random
    others: str = field(init=False)
    """The passages that the answer does not cite."""

    def __post_init__(self) -> None:
        cited = set(citations(self.answer))
        object.__setattr__(
            self, "others", "\n".join(text for name, text in self.evidence.passages.items() if name not in cited)
        )

    def mixed(self, found: set[str]) -> list[str]:
        """The same for the same seed, whatever the order of the set."""
        return self.draw.sample(sorted(found), len(found))

    def asked_last(self, found: set[str]) -> list[str]:
        """Mixed, what the question itself names at the end: another one there would answer another question."""
        asked = f" {normalise(self.evidence.given)} "
        return sorted(self.mixed(found), key=lambda piece: f" {normalise(piece)} " in asked)


Edit = tuple[str, str]
"""A piece of the answer, and what to put in its place."""


def support_pairs(example: Example, seed: int, names: Sequence[str] = ()) -> list[Comparison]:
    """At most one pair for each kind of edit, decided by ``seed`` and the example; none where there is no evidence.

    ``number``, ``name`` and ``quote`` put another of the same kind in place of one that the evidence holds;
    ``citation`` cites a passage that does not hold the claim. ``names`` (see ``names_of``) are drawn on where the
    example's own other passages offer none. By ``unsupported_spans`` each chosen answer is wholly supported, and
    each rejected one is not.
    """
    prompt, answer = example.messages[:-1], example.messages[-1]
    evidence = evidence_of(prompt)
    if answer.role != "assistant" or answer.tool_calls or not set(citations(answer.content)) & set(evidence.passages):
        return []
    if unsupported_spans(answer.content, evidence.passages, evidence.given):
        return []
    pairs = []
    for kind in _EDITS:
        draw = random.Random(digest([seed, example.id, kind]))
        spoiled = _spoiled(kind, _Task(answer.content, evidence, names, draw))
        if spoiled is not None:
            pairs.append(
                Comparison(
                    prompt=prompt,
                    chosen=(answer,),
                    rejected=(replace(answer, content=spoiled),),
                    tools=example.tools,
                    reason=f"the rejected answer's {kind} has no support",
                    labels={**example.labels, "kind": "support", "edit": kind},
                    provenance=example.provenance,
                )
            )
    return pairs


def names_of(examples: Sequence[Example]) -> tuple[str, ...]:
    """The names and codes in the examples' answers, sorted: a stock to draw replacements from."""
    return tuple(sorted({name for example in examples for name in entities(example.messages[-1].content)}))


def _spoiled(kind: str, task: _Task) -> str | None:
    """The answer after the first edit of this kind that takes support away; None where there is none."""
    for old, new in islice(_EDITS[kind](task), _TRIES):
        edited = task.answer.replace(old, new) if kind == "citation" else _replaced(task.answer, old, new)
        if edited != task.answer and unsupported_spans(edited, task.evidence.passages, task.evidence.given):
            return edited
    return None


def _numbers(task: _Task) -> Iterator[Edit]:
    for old in task.asked_last(_written_numbers(task.answer)):
        shape = _shape(old)
        yield from ((old, new) for new in task.mixed(_written_numbers(task.others)) if _shape(new) == shape)
        yield from ((old, _perturbed(old, task.draw)) for _ in range(4))


def _written_numbers(text: str) -> set[str]:
    return {text[start:end] for start, end, _ in number_spans(text) if text[start:end][-1:].isdigit()}


def _shape(number: str) -> tuple[str, str]:
    """Digits and marks, and whether it reads as a year or as a day of the month."""
    value = int(number) if number.isdigit() else 0
    reads = "year" if 1000 <= value <= 2100 else "day" if 1 <= value <= 31 else ""
    return re.sub(r"\d", "0", number), reads


def _perturbed(number: str, draw: random.Random) -> str:
    """Another number of the same shape: a year nearby, a day of the month, else other digits."""
    digits, reads = _shape(number)
    if reads == "year":
        return str(int(number) + draw.choice((-1, 1)) * draw.randint(1, 9))
    if reads == "day":
        return str(draw.randint(1, 9) if len(digits) == 1 else draw.randint(10, 31))
    lead = next(i for i, char in enumerate(number) if char.isdigit())
    return "".join(
        draw.choice("123456789" if i == lead else "0123456789") if char.isdigit() else char
        for i, char in enumerate(number)
    )


def _names(task: _Task) -> Iterator[Edit]:
    for old in task.asked_last(entities(task.answer)):
        kind = _kind(old)
        stock = _MONTHS if kind == "month" else _DAYS if kind == "day" else entities(task.others)
        yield from ((old, new) for new in task.mixed({*stock}) if _kind(new) == kind)
        yield from ((old, new) for new in islice(_drawn(task), 8) if _kind(new) == kind)


def _drawn(task: _Task) -> Iterator[str]:
    while task.names:
        yield task.draw.choice(task.names)


def _kind(name: str) -> str:
    if name in _MONTHS:
        return "month"
    if name in _DAYS:
        return "day"
    return "code" if any(char.isdigit() for char in name) else "name"


def _quotes(task: _Task) -> Iterator[Edit]:
    """A quotation gives way to as many words of a passage that is not cited."""
    words = strip_citations(task.others).split()
    for old in task.mixed({quote for quote in quotes(task.answer) if len(quote.split()) >= _LEAST_QUOTED}):
        length = len(old.split())
        if len(words) >= length:
            begin = task.draw.randint(0, len(words) - length)
            yield old, " ".join(words[begin : begin + length]).strip("\"“”'.,;:")


def _citations(task: _Task) -> Iterator[Edit]:
    for old in task.mixed({mark for mark in _CITATION.findall(task.answer) if citations(mark)}):
        first, *rest = citations(old)
        for other in task.mixed(set(task.evidence.passages) - {first, *rest}):
            yield old, f"[{', '.join((other, *rest))}]"


_EDITS: Mapping[str, Callable[[_Task], Iterator[Edit]]] = {
    "number": _numbers,
    "name": _names,
    "quote": _quotes,
    "citation": _citations,
}


def _replaced(answer: str, old: str, new: str) -> str:
    """Every whole occurrence of ``old`` outside citations."""
    whole = re.compile(rf"(?<!\w)(?<!\d[.,]){re.escape(old)}(?!\w)(?![.,]\d)")
    parts = [part if citations(part) else whole.sub(lambda _: new, part) for part in _CITATION.split(answer)]
    return "".join(parts)
