"""Domain: fresh cases out of the workspace's own passages, records and tools, each with its unanswerable twin."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from trimtab.evaluate.batteries.material import Material, Records, distinct
from trimtab.records import Ask, Case, Expected, Message, ToolCall, UserError
from trimtab.text import number_spans, sentences
from trimtab.tools import Passage

_GAP = "___"
_SHOWN = 3
"""Passages in a search result that is given."""
_LEAST_WORDS = 6


def domain(count: int, seed: int, material: Material) -> list[Case]:
    """The workspace's own facts with answer and citation, twins whose passage is gone, records looked up, sums."""
    clozes = [found for passage in material.passages for found in _clozes(passage)]
    makers: list[Callable[[Random], list[Case]]] = []
    if clozes:
        makers.append(partial(_from_passages, clozes=clozes, passages=material.passages))
    makers += [partial(_looked_up, records=one) for one in material.records if one.rows]
    if "calculator" in material.tools:
        makers.append(_sum)
    if not makers:
        raise UserError(
            "the workspace has nothing to ask about",
            field="batteries.domain",
            expected="passages with numbers, a lookup tool or a calculator",
        )
    return distinct(count, seed, lambda random, number: makers[number % len(makers)](random))


def _clozes(passage: Passage) -> list[tuple[Passage, str, str]]:
    """(passage, sentence with one number left out, that number)."""
    found = []
    for sentence in sentences(passage.text):
        if len(sentence.split()) >= _LEAST_WORDS:
            for start, end, value in number_spans(sentence):
                found.append((passage, sentence[:start] + _GAP + sentence[end:], value))
    return found


def _from_passages(
    random: Random, clozes: Sequence[tuple[Passage, str, str]], passages: Sequence[Passage]
) -> list[Case]:
    """A fact asked with its passage among others that were found, and the same without it."""
    gold, cloze, value = random.choice(clozes)
    others = [one for one in passages if one.id != gold.id and value not in {v for _, _, v in _clozes(one)}]
    shown = random.sample(others, min(_SHOWN, len(others)))
    question = f'In our guides ("{gold.title}") it says: "{cloze}" Which number belongs in the gap?'
    labels = {"cluster": f"domain-{gold.id}", "domain": gold.id}
    answered = Expected("answer", citations=(gold.id,), check={"kind": "says", "numbers": [value]})
    deferred = Expected("defer", check={"kind": "says", "actions": ["defer", "decline", "clarify"]})
    with_gold = random.sample([gold, *shown[:-1]], len(shown[:-1]) + 1)
    cases = [_given(question, with_gold, answered, {**labels, "kind": "passage given"})]
    if shown:
        cases.append(_given(question, shown, deferred, {**labels, "kind": "passage gone"}))
    return cases


def _given(question: str, shown: Sequence[Passage], expected: Expected, labels: dict[str, Any]) -> Case:
    """The question after a search that found ``shown``; nothing more can be looked up."""
    call = ToolCall("search", {"query": question}, id="call_1")
    result = json.dumps([{"id": one.id, "title": one.title, "text": one.text} for one in shown], ensure_ascii=False)
    messages = (
        Message("user", question),
        Message("assistant", tool_calls=(call,)),
        Message("tool", result, tool_call_id="call_1"),
    )
    return Case(messages, expected, ask=Ask(offer=()), labels=labels)


def _looked_up(random: Random, records: Records) -> list[Case]:
    """A field of a record, which only the lookup tool knows."""
    row = random.choice(records.rows)
    fields = [name for name, value in row.items() if name != records.key and isinstance(value, str | int | float)]
    if not fields:
        return []
    name, key = random.choice(fields), str(row[records.key])
    question = f"What is the {name} of {key}, please?"
    expected = Expected(
        "answer", calls=(ToolCall(records.tool, {records.key: key}),), check={"kind": "says", "all": [str(row[name])]}
    )
    labels = {"kind": "record", "cluster": f"domain-{key}"}
    return [Case((Message("user", question),), expected, labels=labels)]


def _sum(random: Random) -> list[Case]:
    count, cents = random.randrange(2, 12), random.randrange(150, 20_000, 5)
    price = f"{cents // 100}.{cents % 100:02d}"
    question = f"What do {count} pieces at ${price} each cost together?"
    call = ToolCall("calculator", {"expression": f"{count} * {price}"})
    check = {"kind": "number", "value": f"{count * cents // 100}.{count * cents % 100:02d}"}
    return [Case((Message("user", question),), Expected("answer", calls=(call,), check=check), labels={"kind": "sum"})]
