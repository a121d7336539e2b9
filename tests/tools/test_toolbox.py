"""A toolbox answers every call, right or wrong, and never raises for the model's mistakes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.records import Message, ToolCall, UserError
from trimtab.tools import Tool, Toolbox, ToolContext, ToolError, make_schema
from trimtab.tools.toolbox import RESULT_LIMIT, is_error

PARAMETERS = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0}},
    "required": ["n"],
    "additionalProperties": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def tool(run: Any, name: str = "count", parameters: Mapping[str, Any] = PARAMETERS) -> Tool:
    return Tool(make_schema(name, "counts", parameters), run)


def counting(arguments: Mapping[str, Any], context: ToolContext) -> str:
    return str(arguments["n"])


def result(box: Toolbox, name: str, arguments: Mapping[str, Any]) -> str:
    return box.run(ToolCall(name, arguments, "call_7"), ToolContext()).content


def code(text: str) -> str:
    return str(json.loads(text)["error"]["code"])


def test_a_result_answers_its_call() -> None:
    message = Toolbox([tool(counting)]).run(ToolCall("count", {"n": 3}, "call_7"), ToolContext())
    assert message == Message("tool", "3", tool_call_id="call_7", name="count")


@pytest.mark.parametrize("arguments", [{}, {"n": "3"}, {"n": -1}, {"n": True}, {"n": 1, "m": 2}])
def test_arguments_are_held_against_the_schema(arguments: dict[str, Any]) -> None:
    assert code(result(Toolbox([tool(counting)]), "count", arguments)) == "invalid_argument"


def test_an_unknown_tool_is_named_with_those_there_are() -> None:
    text = result(Toolbox([tool(counting)]), "cuont", {})
    assert code(text) == "unknown_tool"
    assert "count" in json.loads(text)["error"]["message"]


def test_a_tool_s_own_error_and_its_failure_are_results() -> None:
    def refuses(arguments: Mapping[str, Any], context: ToolContext) -> str:
        raise ToolError("not_found", "nothing there")

    def breaks(arguments: Mapping[str, Any], context: ToolContext) -> str:
        raise ZeroDivisionError("secret detail")

    assert code(result(Toolbox([tool(refuses)]), "count", {"n": 1})) == "not_found"
    broken = result(Toolbox([tool(breaks)]), "count", {"n": 1})
    assert code(broken) == "internal"
    assert "secret" not in broken


@pytest.mark.parametrize("bad", ["x" * (RESULT_LIMIT + 1), 7, None])
def test_a_result_that_is_no_text_or_too_long_is_an_error(bad: Any) -> None:
    assert code(result(Toolbox([tool(lambda arguments, context: bad)]), "count", {"n": 1})) == "internal"


def test_a_schema_cannot_fetch_another_one() -> None:
    remote = {"type": "object", "properties": {"n": {"$ref": "https://schemas.invalid/n.json"}}}
    assert code(result(Toolbox([tool(counting, parameters=remote)]), "count", {"n": 1})) == "internal"


@given(st.dictionaries(st.text(max_size=3) | st.just("n"), JSON, max_size=3), st.sampled_from(["count", "other"]))
def test_no_call_ever_raises(arguments: dict[str, Any], name: str) -> None:
    text = result(Toolbox([tool(counting)]), name, arguments)
    n = arguments.get("n")
    whole = isinstance(n, int | float) and not isinstance(n, bool) and n == n and abs(n) != float("inf") and n % 1 == 0
    fine = name == "count" and set(arguments) == {"n"} and whole and n >= 0  # type: ignore[operator]
    assert is_error(text) is not fine


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="'count'"):
        Toolbox([tool(counting), tool(counting)])


def test_a_bad_schema_is_refused() -> None:
    with pytest.raises(UserError, match="no JSON schema"):
        make_schema("count", "counts", {"type": "no such type"})


def test_a_tool_may_consult_those_that_change_nothing() -> None:
    seen = []

    def asks(arguments: Mapping[str, Any], context: ToolContext) -> str:
        seen.extend([context.consult("count", {"n": 1}), context.consult("pay", {"n": 1}), context.consult("no", {})])
        return "ok"

    pay = replace(tool(counting, "pay"), irreversible=True)
    result(Toolbox([tool(counting), pay, tool(asks, "asks")]), "asks", {"n": 1})
    assert seen[0] == "1"
    assert [code(text) for text in seen[1:]] == ["unknown_tool", "unknown_tool"]


def test_the_digest_follows_what_shapes_the_tools() -> None:
    plain = tool(counting)
    assert Toolbox([plain]).digest == Toolbox([tool(counting)]).digest
    assert Toolbox([plain]).digest != Toolbox([replace(plain, settings={"k": 3})]).digest
    assert Toolbox([plain]).digest != Toolbox([replace(plain, irreversible=True)]).digest


def test_a_narrowed_box_keeps_its_order() -> None:
    box = Toolbox([tool(counting, "a"), tool(counting, "b"), tool(counting, "c")]).only(["c", "a", "z"])
    assert box.names == ("a", "c")
    assert "b" not in box
