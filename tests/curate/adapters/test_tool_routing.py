"""Routing rows: a call, a question for what is missing, or a word that nothing fits."""

from typing import Any

import pytest

from trimtab.curate.adapters import AdapterOptions, ToolRouting
from trimtab.curate.adapters.parameters import missing_parameter, plain_name
from trimtab.curate.config import TextsConfig
from trimtab.records import ToolCall, UserError, example_from_json

TEXTS = TextsConfig(clarify=("Please give the {parameter}.",), cannot=("No tool fits.",))
ADAPTER = ToolRouting(AdapterOptions(texts=TEXTS))


def schema(**properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": "book", "parameters": parameters}}


TOOL = schema(property_name={"type": "string"}, visit_date={"type": "string"})
ASK = [{"role": "user", "content": "I like to visit the property Northridge Apartments."}]
CALLS = [{"name": "book", "arguments": {"property_name": "Northridge"}, "allowed": {"property_name": ["Northridge"]}}]


def row(behaviour: str, calls: list[Any] | None = None, **meta: Any) -> dict[str, Any]:
    about = {"expected_behavior": behaviour, **meta}
    return {"messages": ASK, "tools": [TOOL], "expected_calls": calls or [], "meta": about}


def test_an_expected_call_is_learnt_as_one_turn_and_tested_without_ids() -> None:
    example, case = ADAPTER.example(row("tool_call", CALLS)), ADAPTER.case(row("tool_call", CALLS))
    assert example is not None
    assert case is not None
    assert example.messages[-1].tool_calls == (ToolCall("book", {"property_name": "Northridge"}, "call_1"),)
    assert case.expected.calls == (ToolCall("book", {"property_name": "Northridge"}),)
    due = {"name": "book", "allowed": {"property_name": ["Northridge"]}}
    assert case.expected.check == {"kind": "calls", "calls": [due]}
    assert example.labels["action"] == case.expected.action == "call_tool"
    assert example.tools == case.tools == (TOOL,)
    assert example_from_json(example.to_json()) == example


@pytest.mark.parametrize(
    ("behaviour", "action", "text"),
    [
        ("request_for_info", "clarify", "Please give the visit date."),
        ("cannot_answer", "defer", "No tool fits."),
        ("no_call", "defer", "No tool fits."),
    ],
)
def test_where_nothing_is_called_the_text_says_what_to_do(behaviour: str, action: str, text: str) -> None:
    example, case = ADAPTER.example(row(behaviour)), ADAPTER.case(row(behaviour))
    assert example is not None
    assert case is not None
    assert example.messages[-1].content == text
    assert (example.labels["action"], case.expected.action, case.expected.calls) == (action, action, ())


def test_a_reference_reply_is_used_as_it_stands() -> None:
    example = ADAPTER.example(row("request_for_info", reference_reply="On which day?"))
    assert example is not None
    assert example.messages[-1].content == "On which day?"


def test_without_a_target_tool_there_is_nothing_to_ask_for() -> None:
    blank = row("request_for_info") | {"tools": []}
    assert ADAPTER.example(blank) is None
    assert ADAPTER.case(blank) is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"expected_calls": None}, "expected_calls"),
        ({"expected_calls": [{"arguments": {}}]}, "expected_calls[0]"),
        ({"meta": {"expected_behavior": "dance"}}, "meta.expected_behavior"),
        ({"messages": [*ASK, {"role": "assistant", "content": "x"}]}, "messages[1].role"),
    ],
)
def test_a_malformed_row_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as caught:
        ADAPTER.example(row("no_call") | change)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("asked", "properties", "missing"),
    [
        ("Book a table in Paris", {"city": {}, "time": {}}, "time"),
        ("Book a table at 7 pm", {"city": {}, "time": {}}, "city"),
        ("Send 20 to my brother", {"amount": {"type": "integer"}, "currency": {"enum": ["EUR", "USD"]}}, "currency"),
        ("Send EUR to my brother", {"amount": {"type": "integer"}, "currency": {"enum": ["EUR", "USD"]}}, "amount"),
    ],
)
def test_the_parameter_that_the_request_shows_least_of_is_asked_for(
    asked: str, properties: dict[str, Any], missing: str
) -> None:
    assert missing_parameter({"tools": [schema(**properties)]}, asked) == missing


def test_a_parameter_that_the_set_names_is_taken_at_its_word() -> None:
    assert missing_parameter({"meta": {"held_out_param": "orderId"}, "tools": [TOOL]}, "x") == "order id"
    assert plain_name("visit_date") == "visit date"
