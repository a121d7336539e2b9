"""Each format of the field is told from its first rows and becomes the rows that we would have written by hand."""

import json
from typing import Any

import pytest

from trimtab.curate.formats import FORMATS, format_named, guess_format, understood
from trimtab.records import Comparison, Example, Message, Row, ToolCall, Unpaired, UserError

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
ASK, SAY = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}
CALL = {"type": "function", "id": "c1", "function": {"name": "add", "arguments": '{"a": 2}'}}
TALK = (Message("user", "2+2?"), Message("assistant", "4"))
CALLED = (
    Message("user", "2+2?"),
    Message("assistant", tool_calls=(ToolCall("add", {"a": 2}),)),
    Message("tool", "4"),
    Message("assistant", "4"),
)


def parse(row: dict[str, Any]) -> tuple[Row, ...]:
    form = guess_format([row])
    assert form.parse is not None
    return form.parse(row)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("messages", {"messages": [ASK, SAY]}),
        ("sharegpt", {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]}),
        ("alpaca", {"instruction": "2+2?", "input": "", "output": "4"}),
        ("prompt_completion", {"prompt": "2+2?", "completion": "4"}),
        ("prompt_completion", {"question": "2+2?", "answer": "4"}),
        ("prompt_completion", {"prompt": [ASK], "completion": [SAY]}),
    ],
)
def test_every_way_to_write_a_chat_gives_the_same_example(name: str, row: dict[str, Any]) -> None:
    assert guess_format([row]).name == name
    assert parse(row) == (Example(messages=TALK),)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2+2?", "chosen": "4", "rejected": "5"},
        {"instruction": "2+2?", "input": "", "chosen": "4", "rejected": "5"},
        {"prompt": [ASK], "chosen": [SAY], "rejected": [{"role": "assistant", "content": "5"}]},
        {"chosen": [ASK, SAY], "rejected": [ASK, {"role": "assistant", "content": "5"}]},
        {"prompt": "2+2?", "chosen": [ASK, SAY], "rejected": [ASK, {"role": "assistant", "content": "5"}]},
        {
            "input": {"messages": [ASK]},
            "preferred_output": [SAY],
            "non_preferred_output": [{"role": "assistant", "content": "5"}],
        },
        {
            "conversations": [{"from": "human", "value": "2+2?"}],
            "chosen": {"from": "gpt", "value": "4"},
            "rejected": {"from": "gpt", "value": "5"},
        },
        {"prompt": "2+2?", "completions": ["5", "4"], "scores": [0, 1]},
    ],
)
def test_every_way_to_write_a_pair_gives_the_same_comparison(row: dict[str, Any]) -> None:
    (found,) = parse(row)
    assert isinstance(found, Comparison)
    assert (found.prompt, found.chosen, found.rejected) == (TALK[:1], TALK[1:], (Message("assistant", "5"),))


def test_scored_completions_give_every_pair_whose_scores_differ_with_its_margin() -> None:
    pairs = parse({"prompt": "q", "completions": ["a", "b", "c"], "scores": [1, 3, 3.0]})
    found = [(p.chosen[0].content, p.rejected[0].content, p.margin) for p in pairs if isinstance(p, Comparison)]
    assert found == [("b", "a", 2.0), ("c", "a", 2.0)]
    with pytest.raises(UserError, match="all scores are equal"):
        parse({"prompt": "q", "completions": ["a", "b"], "scores": [1, 1]})


@pytest.mark.parametrize(
    "row", [{"prompt": "2+2?", "completion": "4", "label": True}, {"messages": [ASK, SAY], "label": True}]
)
def test_a_thumb_is_unpaired_in_either_shape(row: dict[str, Any]) -> None:
    assert parse(row) == (Unpaired(TALK[:1], TALK[1:], True),)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASK, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "4"}, SAY]},
        {
            "messages": [
                ASK,
                {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"a": 2}'}},
                {"role": "function", "content": "4"},
                SAY,
            ]
        },
        {
            "conversations": [
                {"from": "human", "value": "2+2?"},
                {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 2}}'},
                {"from": "observation", "value": "4"},
                {"from": "gpt", "value": "4"},
            ]
        },
    ],
)
def test_calls_in_every_dialect_become_objects(row: dict[str, Any]) -> None:
    (found,) = parse(row)
    assert isinstance(found, Example)
    plain = [
        Message(m.role, m.content, tuple(ToolCall(c.name, c.arguments) for c in m.tool_calls)) for m in found.messages
    ]
    assert tuple(plain) == CALLED


@pytest.mark.parametrize("tools", [[TOOL], [TOOL["function"]], json.dumps([TOOL]), json.dumps([TOOL["function"]])])
def test_tools_come_as_schemas_as_functions_or_as_json(tools: Any) -> None:
    (found,) = parse({"messages": [ASK, SAY], "tools": tools})
    assert found.tools == (TOOL,)


def test_hard_negatives_labels_and_provenance_of_a_native_row_survive() -> None:
    row = {"messages": [ASK, SAY], "rejected": [[{"role": "assistant", "content": "5"}]], "labels": {"domain": "math"}}
    (found,) = parse(row)
    assert isinstance(found, Example)
    assert found.rejected == ((Message("assistant", "5"),),)
    assert found.labels == {"domain": "math"}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"messages": [ASK, {"role": "assistant", "content": "4", "weight": 0}]}, "messages[1].weight"),
        ({"messages": [ASK, {"role": "assistant", "tool_calls": [{"name": "a", "arguments": "no"}]}]}, "arguments"),
        ({"messages": []}, "messages"),
        ({"messages": [ASK]}, "messages"),
        ({"conversations": [{"from": "martian", "value": "x"}]}, "conversations[0].from"),
        ({"conversations": [{"from": "function_call", "value": "{"}]}, "conversations[0].value"),
        ({"instruction": "x", "output": ""}, "output"),
        ({"instruction": "x", "output": "y", "history": [["a"]]}, "history[0]"),
        ({"prompt": "x", "completion": " "}, "completion"),
        ({"prompt": "x", "completion": "y", "label": "yes"}, "label"),
        ({"prompt": "x", "chosen": "y", "rejected": "y"}, "rejected"),
        ({"chosen": "y", "rejected": "z"}, "prompt"),
        ({"prompt": "x", "completions": ["a"], "scores": [1, 2]}, "scores"),
        ({"messages": [ASK, SAY], "tools": "{"}, "tools"),
        ({"messages": [ASK, SAY], "tools": [{"x": 1}]}, "tools[0]"),
    ],
)
def test_a_malformed_row_is_refused_by_the_name_of_its_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(row)
    assert field in (caught.value.field or "")


def test_an_unknown_row_says_what_was_seen_and_what_is_known() -> None:
    with pytest.raises(UserError, match=r"fields text, score.*sharegpt"):
        guess_format([{"text": "x", "score": 1}])


def test_a_file_of_two_kinds_is_refused_at_the_line_where_it_changes() -> None:
    with pytest.raises(UserError, match="row 2 is preference, the first is messages"):
        guess_format([{"messages": [ASK, SAY]}, {"prompt": "x", "chosen": "a", "rejected": "b"}])


def test_shapes_without_answers_are_told_from_chats() -> None:
    assert guess_format([{"question": "q", "passages": [], "answers": []}]).name == "grounded_qa"
    assert guess_format([{"messages": [ASK], "expected_calls": []}]).name == "tool_routing"
    assert guess_format([{"prompt": "q", "expected": "refuse"}]).name == "refusal"


def test_what_was_understood_is_one_sentence_with_the_tools_counted() -> None:
    rows: list[dict[str, Any]] = [{"messages": [ASK, SAY], "tools": [TOOL]}, {"messages": [ASK, SAY]}]
    assert understood(guess_format(rows), rows).endswith("1 of the first 2 rows carry tools")


def test_names_are_unique_and_an_unknown_one_lists_them() -> None:
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    assert format_named("alpaca").name == "alpaca"
    with pytest.raises(UserError, match="alpaca"):
        format_named("nope")
