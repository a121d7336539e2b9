"""What is generated: the right numbers of rows, true to the tools, short, and the same every time."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from trimtab.records import Message, case_from_json, example_from_json
from trimtab.templates import Generated, generate
from trimtab.templates.generator.build import COUNTS
from trimtab.templates.generator.phrases import knowledge_of, phrases
from trimtab.templates.generator.split import Part

Call = Callable[[str, dict[str, Any]], str]
Faults = Callable[[Sequence[Message], Call], list[str]]


def test_each_kind_has_its_count(parts: dict[Part, Generated]) -> None:
    for part, generated in parts.items():
        wanted = {kind: count for kind, count in COUNTS[part].items() if count}
        assert Counter(labels["kind"] for labels in _labels(generated)) == wanted
    assert len(parts["train"].comparisons) == 160


def test_training_knows_no_trade_enquiry(parts: dict[Part, Generated]) -> None:
    labels = [*_labels(parts["train"]), *(pair.labels for pair in parts["train"].comparisons)]
    assert "trade" not in {found["kind"] for found in [*labels, *_labels(parts["development"])]}


def test_sealed_cases_mostly_expect_a_call(parts: dict[Part, Generated]) -> None:
    core = [case for case in parts["sealed"].cases if case.labels["kind"] != "trade"]
    assert len(core) == 120
    assert sum(not case.expected.calls for case in core) / len(core) <= 0.25


def test_every_trace_is_what_the_tools_return(
    parts: dict[Part, Generated], make_call: Callable[[], Call], trace_faults: Faults
) -> None:
    for generated in parts.values():
        call = make_call()
        for messages in generated.conversations:
            assert trace_faults(messages, call) == []


@pytest.mark.parametrize("tamper", ["result", "citation", "number"])
def test_a_tampered_trace_is_noticed(
    tamper: str, parts: dict[Part, Generated], make_call: Callable[[], Call], trace_faults: Faults
) -> None:
    example = next(e for e in parts["train"].examples if e.labels["cluster"] == "fin-1" and len(e.messages) == 5)
    messages = list(example.messages)
    if tamper == "result":
        messages[3] = replace(messages[3], content=messages[3].content.replace("310", "311"))
    elif tamper == "citation":
        messages[4] = replace(messages[4], content=messages[4].content.replace("[fin-1]", "[ret-1]"))
    else:
        messages[4] = replace(messages[4], content="The Finch weighs 999 grams [fin-1].")
    assert trace_faults(messages, make_call())


def test_expected_facts_and_citations_are_in_the_ideal_answer(parts: dict[Part, Generated]) -> None:
    for item in parts["traffic"].traffic:
        for fact in item.expected.facts:
            assert fact in item.answer
        for name in item.expected.citations:
            assert f"[{name}]" in item.answer


def test_a_knowledge_query_is_copied_from_the_question(parts: dict[Part, Generated]) -> None:
    for case in parts["sealed"].cases:
        if case.labels["kind"] in ("knowledge", "missing"):
            assert case.expected.calls[0].arguments["query"] in case.messages[-1].content


def test_a_sums_numbers_are_copied_from_the_question(parts: dict[Part, Generated]) -> None:
    spelled = dict(zip("23456789", ("two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True))
    for example in parts["train"].examples:
        if example.labels["kind"] != "calculator":
            continue
        asked, expression = example.messages[1].content.lower(), example.messages[2].tool_calls[0].arguments
        for number in str(expression["expression"]).replace("(1 - ", "(").strip("()").split():
            number = number.strip("()")
            if number[0].isdigit() and number != "100":
                assert number in asked or spelled.get(number, "?") in asked


def test_the_search_finds_every_document_that_is_asked_for(parts: dict[Part, Generated]) -> None:
    wanted: tuple[Part, ...] = ("train", "sealed")
    for part in wanted:
        assert set(knowledge_of(part)) <= {labels["cluster"] for labels in _labels(parts[part])}


def test_the_same_seed_gives_the_same_rows_and_another_others(make_call: Callable[[], Call]) -> None:
    counts = {"knowledge": 6, "order": 6, "refund": 6, "calculator": 6, "conversation": 6}

    def once(seed: int) -> Generated:
        return generate(make_call(), seed=seed, part="train", counts=counts, comparisons=10)

    assert once(1) == once(1)
    assert {row.id for row in once(1).examples} != {row.id for row in once(2).examples}


def test_rows_survive_a_trip_through_json(parts: dict[Part, Generated]) -> None:
    for example in parts["train"].examples[:60]:
        assert example_from_json(json.loads(json.dumps(example.to_json()))).id == example.id
    for case in parts["sealed"].cases:
        assert case_from_json(json.loads(json.dumps(case.to_json()))).id == case.id


def test_every_row_is_labelled(parts: dict[Part, Generated]) -> None:
    pairs = [pair.labels for pair in parts["train"].comparisons]
    for labels in [*pairs, *(labels for generated in parts.values() for labels in _labels(generated))]:
        assert {"domain", "kind", "action", "difficulty", "cluster", "rule"} <= set(labels)


def test_no_two_rows_of_a_part_ask_the_same(parts: dict[Part, Generated]) -> None:
    for generated in parts.values():
        asked = [tuple(m.content for m in messages if m.role == "user") for messages in generated.conversations]
        assert len(set(asked)) == len(asked)


def test_training_wordings_are_many() -> None:
    wordings = phrases("train")
    assert len(wordings["missing"]) >= 20
    assert sum(len(frames) for frames in wordings["calculator"].values()) >= 40
    assert sum(len(frames) for frames in wordings["order"].values()) >= 20
    assert all(len(frames) >= 12 for frames in [*wordings["clarify"].values(), *wordings["decline"].values()])
    asked = sum(len(entry["ask"]) for document in knowledge_of("train").values() for n, entry in document.items()
                if n != "about")  # fmt: skip
    assert asked >= 120


def test_comparisons_prefer_the_ideal_turn_for_many_reasons(parts: dict[Part, Generated]) -> None:
    pairs = parts["train"].comparisons
    reasons = Counter(pair.reason for pair in pairs)
    assert len(reasons) >= 25
    assert max(reasons.values()) <= 24
    assert all(pair.chosen != pair.rejected and pair.prompt[-1].role in ("user", "tool") for pair in pairs)
    assert {"uncited", "wrong citation", "wrong number", "search skipped", "invented status", "over-refusal", "hedged",
            "complies", "verbose"} <= set(reasons)  # fmt: skip


def test_some_examples_are_salted_with_hard_negatives(parts: dict[Part, Generated]) -> None:
    salted = [example for example in parts["train"].examples if example.rejected]
    assert 0.1 < len(salted) / len(parts["train"].examples) < 0.35
    for example in salted:
        assert all(turns[-1] != example.messages[-1] for turns in example.rejected)


def test_rows_are_short_enough_for_five_minutes(parts: dict[Part, Generated]) -> None:
    own = [sum(_pieces(message) for message in example.messages[1:]) for example in parts["train"].examples]
    assert sum(own) < 90_000
    assert max(own) < 420


def test_the_shared_prefix_is_about_six_hundred_tokens(parts: dict[Part, Generated]) -> None:
    example = parts["train"].examples[0]
    tools = [json.dumps(tool["function"]) for tool in example.tools]
    assert 500 < sum(_estimate(text) for text in (example.messages[0].content, *tools)) < 700


def _labels(generated: Generated) -> list[Mapping[str, Any]]:
    return [
        *(example.labels for example in generated.examples),
        *(case.labels for case in generated.cases),
        *(item.labels for item in generated.traffic),
    ]


def _pieces(message: Message) -> int:
    """About what the default model's tokenizer makes of a turn with its markers."""
    calls = "".join(
        f'<tool_call>{{"name": "{call.name}", "arguments": {json.dumps(dict(call.arguments))}}}</tool_call>'
        for call in message.tool_calls
    )
    return 5 + _estimate(message.content + calls)


def _estimate(text: str) -> int:
    """Words, single digits and runs of signs: within 10 % of the default model's tokenizer on these rows."""
    return len(re.findall(r"[A-Za-z]+|\d|[^\w\s]+|_", text))
