"""A tricky negative has one thing wrong, says what, is never the good answer, and is never right by accident."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.curate.adapters import AdapterOptions, adapter_named
from trimtab.curate.place import Placed
from trimtab.curate.preferences.negatives import tricky_negatives
from trimtab.curate.preferences.pairs import pair_of, spelled
from trimtab.curate.preferences.spoils import SPOILS, Donors, Task
from trimtab.records import Comparison, Example, Message, ToolCall, row_from_json
from trimtab.text import citations, content_words, number_spans, numbers, strip_citations, style

PASSAGES = [
    {
        "id": "kettle-1",
        "title": "The kettle",
        "text": "The blue kettle holds 12 litres and was built in 1931 by Orla Venn.",
    },
    {
        "id": "garden-2",
        "title": "The garden",
        "text": "Roses grow along the southern wall, watered twice a day by hand.",
    },
]
SCHEMAS: dict[str, dict[str, Any]] = {
    "track_order": {"order": {"type": "string"}},
    "refund": {"order": {"type": "string"}, "amount": {"type": "number"}},
    "set_mode": {"mode": {"type": "string", "enum": ["eco", "boost"]}, "on": {"type": "boolean"}},
}


def tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": SCHEMAS[name], "required": list(SCHEMAS[name])}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


TOOLS = tuple(tool(name) for name in SCHEMAS)


def task(turn: Message, *, action: str = "answer", seed: int = 0, donors: Donors | None = None) -> Task:
    prompt = (
        Message("user", "How much does the blue kettle hold? I have 3 of them."),
        Message("assistant", tool_calls=(ToolCall("search", {"query": "kettle"}, "c1"),)),
        Message("tool", json.dumps(PASSAGES), tool_call_id="c1"),
    )
    return Task(prompt, turn, TOOLS, action, donors or Donors(("Nine people of Marl lost 480 coins.",)), (seed, "row"))


ANSWER = Message("assistant", "1. It holds 12 litres [kettle-1], and was built in 1931. You have 3 of them.")


def spoilt(wrong: str, turn: Message, **more: Any) -> list[Message]:
    return list(SPOILS[wrong](task(turn, **more)))


def test_a_wrong_number_is_one_that_nobody_said_and_everything_else_stays() -> None:
    for seed in range(40):
        for found in spoilt("wrong number", ANSWER, seed=seed):
            said = numbers(found.content)
            assert "3" in said
            assert len({"12", "1931"} & said) == 1
            (new,) = said - numbers(ANSWER.content)
            assert new not in numbers(json.dumps(PASSAGES))
            assert found.content.startswith("1. It holds")


@given(st.floats(0.01, 1e6, allow_nan=False).map(lambda x: round(x, 2)), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_a_changed_number_changes_the_claim(value: float, seed: int) -> None:
    turn = Message("assistant", f"The price is {value} coins.")
    for found in spoilt("wrong number", turn, seed=seed):
        old, new = (number_spans(text)[-1][2] for text in (turn.content, found.content))
        assert float(old) != float(new)
        year = float(value).is_integer() and 1000 <= value <= 2100
        assert year or abs(float(new) - float(old)) >= 0.1 * float(old) - 0.01


def test_a_wrong_citation_names_another_passage_or_none_and_leaves_the_words() -> None:
    for seed in range(10):
        for found in spoilt("wrong citation", ANSWER, seed=seed):
            assert citations(found.content) != ["kettle-1"]
            assert strip_citations(found.content) == strip_citations(ANSWER.content)


def test_a_passage_that_holds_the_claim_too_is_no_wrong_citation() -> None:
    twin = [*PASSAGES, {"id": "kettle-9", "title": "Kettles", "text": "It holds 12 litres, the blue kettle of 1931."}]
    given_task = task(ANSWER)
    both = replace(given_task, prompt=(*given_task.prompt[:2], Message("tool", json.dumps(twin), tool_call_id="c1")))
    cited = {name for found in SPOILS["wrong citation"](both) for name in citations(found.content)}
    assert "garden-2" in cited
    assert "kettle-9" not in cited


def test_an_unsupported_span_is_added_and_no_passage_says_it() -> None:
    (found,) = spoilt("unsupported span", ANSWER)
    added = found.content.removeprefix(ANSWER.content)
    assert "480 coins" in added
    assert citations(added) == ["kettle-1"]
    known = content_words(json.dumps(PASSAGES))
    assert len(content_words(added) & known) < 0.5 * len(content_words(added))
    supported = Donors(("The blue kettle holds 12 litres and was built in 1931.",))
    assert spoilt("unsupported span", ANSWER, donors=supported) == []


CALL = Message("assistant", tool_calls=(ToolCall("refund", {"order": "A-17", "amount": 20}, "c2"),))


def test_a_wrong_tool_is_one_on_offer_with_arguments_it_takes() -> None:
    names = set()
    for found in spoilt("wrong tool", CALL):
        (call,) = found.tool_calls
        names.add(call.name)
        schema = next(tool["function"]["parameters"] for tool in TOOLS if tool["function"]["name"] == call.name)
        assert set(schema["required"]) <= set(call.arguments) <= set(schema["properties"])
    assert names == {"track_order", "set_mode"}
    assert spoilt("wrong tool", ANSWER) == []


def test_a_wrong_argument_differs_in_one_value_of_the_same_type() -> None:
    mode = Message("assistant", tool_calls=(ToolCall("set_mode", {"mode": "eco", "on": True}, "c3"),))
    for turn in (CALL, mode):
        good = turn.tool_calls[0]
        for found in spoilt("wrong argument", turn):
            (call,) = found.tool_calls
            changed = [name for name in good.arguments if good.arguments[name] != call.arguments[name]]
            assert (call.name, len(changed)) == (good.name, 1)
            assert type(call.arguments[changed[0]]) is type(good.arguments[changed[0]])
            assert changed != ["mode"] or call.arguments["mode"] == "boost"


def test_only_a_refusal_can_be_missing_and_what_is_put_there_does_not_refuse() -> None:
    refusal = Message("assistant", "I can't help with that.")
    made = spoilt("missing refusal", refusal, action="decline")
    assert made
    assert not any(style(found.content).refusal or style(found.content).deferral for found in made)
    assert spoilt("missing refusal", ANSWER) == []
    assert spoilt("missing refusal", refusal, action="defer") == []


def example(number: int, text: str = "It holds {} litres.", **labels: Any) -> Placed:
    row = Example(
        (Message("user", f"What does vessel {number} hold?"), Message("assistant", text.format(40 + 3 * number))),
        labels={"domain": "shop", "action": "answer", **labels},
        provenance={"source": "set", "license": "MIT", "annotator": "x", "consent": "yes"},
    )
    return Placed(row, "set", "set.jsonl", number + 1)


def test_each_says_what_is_wrong_that_it_was_generated_and_from_what() -> None:
    rows = [example(n) for n in range(30)]
    made = tricky_negatives(rows, 1.0, 0)
    assert len(made) == 30
    for parent, one in zip(rows, made, strict=True):
        pair = pair_of(one)
        assert isinstance(parent.row, Example)
        assert (pair.prompt, pair.chosen) == (parent.row.messages[:1], parent.row.messages[1:])
        assert (pair.reason, pair.labels["wrong"], pair.labels["domain"]) == ("wrong number", "wrong number", "shop")
        assert pair.provenance == {
            "source": "generated",
            "generator": "tricky_negatives",
            "parents": [parent.row.id],
            "license": "MIT",
            "consent": "yes",
        }
        assert (one.file, one.line) == (parent.file, parent.line)
        assert row_from_json(pair.to_json()) == pair


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_kept_and_a_larger_one_only_adds(share: float) -> None:
    rows = [example(n) for n in range(400)]
    made = tricky_negatives(rows, share, 3)
    assert len(made) / 400 == pytest.approx(share, abs=0.06)
    everyone = {pair_of(one).id for one in tricky_negatives(rows, 1.0, 3)}
    assert {pair_of(one).id for one in made} <= everyone


def test_the_seed_decides_and_rows_that_can_go_wrong_in_nothing_give_none() -> None:
    rows = [example(n) for n in range(50)]
    assert tricky_negatives(rows, 0.5, 1) == tricky_negatives(list(rows), 0.5, 1)
    assert tricky_negatives(rows, 0.5, 1) != tricky_negatives(rows, 0.5, 2)
    assert tricky_negatives([example(0, "Yes, it does.")], 1.0, 0) == []


def test_on_real_rows_every_kind_occurs_and_none_is_the_good_answer(load_set: Any) -> None:
    grounded = adapter_named("grounded_qa", AdapterOptions())
    routing = adapter_named("tool_routing", AdapterOptions())
    refusals = adapter_named("refusal", AdapterOptions())
    found = [
        *(grounded.example(row) for row in load_set("nq_open_oracle/grounded_qa.jsonl.gz")[:150]),
        *(routing.example(row) for row in load_set("bfcl/tool_routing.jsonl.gz")[::6]),
        *(refusals.example(row) for row in load_set("advbench/refusal.jsonl")[:40]),
    ]
    rows = [Placed(row, "real", "real.jsonl", at) for at, row in enumerate(found, start=1) if row is not None]
    made = [pair_of(one) for one in tricky_negatives(rows, 1.0, 0)]
    counts = Counter(pair.labels["wrong"] for pair in made)
    assert set(counts) == set(SPOILS)
    assert all(isinstance(pair, Comparison) and pair.chosen != pair.rejected for pair in made)
    good = {spelled(pair.prompt) + spelled(pair.chosen) for pair in made}
    assert not [pair for pair in made if spelled(pair.prompt) + spelled(pair.rejected) in good]
