"""Tool calls: what no tool would take is dropped and named, what can be meant in one way is repaired without loss."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.cleaning.schemas import coerced, signature_of
from trimtab.records import Comparison, Example, Message, ToolCall, Unpaired

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "limit": {"type": "number"},
                "metric": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        },
    },
}


def talk(arguments: dict[str, Any], name: str = "weather", ids: tuple[str, str] = ("c", "c"), **fields: Any) -> Example:
    turns = (
        Message("user", "How is it?"),
        Message("assistant", tool_calls=(ToolCall(name, arguments, ids[0]),)),
        Message("tool", '{"sky": "blue"}', tool_call_id=ids[1]),
        Message("assistant", "It is blue today."),
    )
    return Example(turns, tools=fields.pop("tools", (WEATHER,)), labels={"action": "answer"}, **fields)


@pytest.mark.parametrize(
    ("row", "reason", "said"),
    [
        (talk({"city": "Rome"}, name="whether"), "unknown tool", "'whether'"),
        (talk({}), "invalid arguments", "'city' is a required property"),
        (talk({"city": "Rome", "town": "Rome"}), "invalid arguments", "'town'"),
        (talk({"city": "Rome", "days": "soon"}), "invalid arguments", "days"),
        (talk({"city": "Rome", "days": 2.5}), "invalid arguments", "days"),
        (talk({"city": ["Rome"]}), "invalid arguments", "city"),
        (talk({"city": "Rome"}, ids=("c", "d")), "result without call", "'d'"),
    ],
)
def test_a_call_that_no_tool_would_take_drops_its_row_with_the_place(
    clean: Any, row: Example, reason: str, said: str
) -> None:
    done = clean(row)
    assert [(drop.reason, drop.line) for drop in done.drops] == [(reason, 1)]
    assert said in done.drops[0].detail
    assert not done.rows


def test_by_setting_a_bad_call_is_only_flagged(clean: Any) -> None:
    (placed,) = clean(talk({"city": "Rome", "days": "soon"}), calls="flag").rows
    assert "days" in placed.row.labels["quality"]["invalid_arguments"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"days": "3"}, {"days": 3}),
        ({"days": "-12"}, {"days": -12}),
        ({"limit": "2.5"}, {"limit": 2.5}),
        ({"metric": "true"}, {"metric": True}),
        ({"tags": '["a", "b"]'}, {"tags": ["a", "b"]}),
        ({"city": 10115}, {"city": "10115"}),
    ],
)
def test_an_argument_of_the_wrong_type_is_read_as_meant_and_reported(
    clean: Any, given: dict[str, Any], read: dict[str, Any]
) -> None:
    done = clean(talk({"city": "Rome", **given}))
    assert done.rows[0].row.messages[1].tool_calls[0].arguments == {"city": "Rome", **read}
    (fix,) = done.repairs
    assert fix.kind == "argument type"
    assert next(iter(given)) in fix.detail


@pytest.mark.parametrize("value", ["03", "3.0", " 3", "3e2", "three", "NaN", "true", "1_000", ""])
def test_what_would_not_read_back_to_what_was_written_is_no_number(clean: Any, value: str) -> None:
    assert clean(talk({"city": "Rome", "days": value})).drops[0].reason == "invalid arguments"


@given(st.dictionaries(st.sampled_from(["city", "days", "limit", "metric", "tags"]), st.one_of(
    st.text(max_size=4), st.integers(), st.integers().map(str), st.floats(allow_nan=False).map(str), st.booleans(),
    st.sampled_from(["true", "false", "[]", '["x"]', "{}", "null"]), st.lists(st.text(max_size=2), max_size=2),
)))  # fmt: skip
def test_whatever_is_coerced_reads_back_to_what_was_written_and_validation_agrees(arguments: dict[str, Any]) -> None:
    tool = signature_of(WEATHER)
    meant, changed = coerced(arguments, tool)
    for name, value in meant.items():
        if value is not arguments[name]:
            written = arguments[name]
            assert json.loads(written) == value if isinstance(written, str) else json.dumps(written) == value
    assert bool(changed) == (meant != arguments)
    plain = jsonschema.Draft202012Validator(WEATHER["function"]["parameters"]).is_valid(arguments)
    assert (tool.wrong(arguments) is None) == plain


def test_types_as_other_languages_name_them_are_understood(clean: Any) -> None:
    parameters = {"type": "dict", "properties": {"x": {"type": "float"}, "y": {"type": "any"}}, "required": ["x"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    assert clean(talk({"x": 1.5, "y": [1]}, tools=(tool,))).rows
    assert clean(talk({"x": "warm"}, tools=(tool,))).drops


def test_a_schema_that_is_none_is_flagged_and_fetches_nothing(clean: Any) -> None:
    broken = {"type": "function", "function": {"name": "weather", "parameters": {"type": "thing"}}}
    assert clean(talk({"x": 1}, tools=(broken,))).rows[0].row.labels["quality"]["broken_schema"] == "weather"


def test_rows_without_tools_are_held_against_the_products_own(clean: Any) -> None:
    row = talk({}, tools=())
    assert clean(row).findings["calls"] == {"checked": 0, "unchecked": 1}
    assert clean(row, tools=(WEATHER,)).drops[0].reason == "invalid arguments"
    assert clean(talk({"city": "Rome"}, tools=()), tools=(WEATHER,)).findings["calls"] == {"checked": 1, "unchecked": 0}


def test_a_call_that_got_no_result_before_the_talk_went_on_is_dropped(clean: Any) -> None:
    turns = talk({"city": "Rome"}).messages
    middle = Example((*turns[:2], Message("user", "And?"), *turns[3:]), tools=(WEATHER,))
    last = Example(turns[:2], tools=(WEATHER,), labels={"action": "call_tool"})
    assert clean(middle).drops[0].reason == "call without result"
    assert clean(last).rows


def test_an_id_given_twice_is_numbered_with_its_result(clean: Any) -> None:
    once = talk({"city": "Rome"}).messages
    done = clean(Example((*once, *once), tools=(WEATHER,), labels={"action": "answer"}))
    messages = done.rows[0].row.messages
    assert [turn.tool_calls[0].id for turn in messages if turn.tool_calls] == ["c", "c-2"]
    assert [turn.tool_call_id for turn in messages if turn.role == "tool"] == ["c", "c-2"]
    assert [fix.kind for fix in done.repairs] == ["duplicate call id"]
    assert not clean(done.rows[0].row).repairs


def test_two_calls_at_once_with_one_id_keep_their_results_in_order(clean: Any) -> None:
    both = (ToolCall("weather", {"city": "Rome"}, "c"), ToolCall("weather", {"city": "Oslo"}, "c"))
    results = (Message("tool", "sun", tool_call_id="c"), Message("tool", "snow", tool_call_id="c"))
    row = Example(
        (Message("user", "Both?"), Message("assistant", tool_calls=both), *results, Message("assistant", "Sun, snow.")),
        tools=(WEATHER,),
    )
    messages = clean(row).rows[0].row.messages
    assert [call.id for call in messages[1].tool_calls] == [turn.tool_call_id for turn in messages[2:4]] == ["c", "c-2"]


def test_results_that_are_errors_stay(clean: Any) -> None:
    turns = list(talk({"city": "Rome"}).messages)
    turns[2] = Message("tool", '{"error": "no such city"}', tool_call_id="c")
    done = clean(Example(tuple(turns), tools=(WEATHER,), labels={"action": "answer"}))
    assert done.rows
    assert not done.repairs


def test_a_rejected_side_and_a_thumb_down_may_call_wrongly_and_a_chosen_side_may_not(clean: Any) -> None:
    prompt, bad = (Message("user", "Q?"),), (Message("assistant", tool_calls=(ToolCall("whether", {}),)),)
    good = (Message("assistant", tool_calls=(ToolCall("weather", {"city": "Rome"}),)),)
    assert clean(Comparison(prompt, good, bad, tools=(WEATHER,))).rows
    assert clean(Comparison(prompt, bad, good, tools=(WEATHER,))).drops[0].reason == "unknown tool"
    assert clean(Unpaired(prompt, bad, False, tools=(WEATHER,))).rows
    assert clean(Unpaired(prompt, bad, True, tools=(WEATHER,))).drops
