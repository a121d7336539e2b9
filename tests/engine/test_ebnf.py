"""openvino's constrained answers validate, and what its grammar cannot say is refused before the engine sees it."""

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.engine import ANY_TOOL, Chat, Constraint, Form, OpenVinoEngine, Sampling, Unsupported
from trimtab.engine.ebnf import ebnf_of
from trimtab.model import Dialect
from trimtab.records import Message, ToolSchema, UserError

ASK = (Message("user", "hello there"),)
EASY = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"type": "integer"},
        {"type": ["integer", "null"], "minimum": 3, "maximum": 40},
        {"type": "boolean", "title": "x"},
        {"type": "string", "minLength": 1, "maxLength": 4},
        {"enum": ["<tool_call>", "b\n", 3], "type": "string"},
        {"const": 'a "quoted" </tool_call> \\ text'},
        {"$ref": "#/$defs/leaf"},
        {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
    ]
)


def _wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(["a", "b c", '"', "ü"]), inner, max_size=3)
    return fields.flatmap(
        lambda given: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(given),
                "required": st.lists(st.sampled_from(sorted(given)), unique=True) if given else st.just([]),
                "additionalProperties": st.just(False),
            }
        )
    ) | st.tuples(inner, st.integers(0, 2)).map(
        lambda of: {"type": "array", "items": of[0], "minItems": of[1], "maxItems": 2}
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(LEAVES, _wider, max_leaves=4).map(
    lambda schema: {**schema, "$defs": {"leaf": {"enum": [1, "two"]}}}
)


@pytest.fixture(scope="session")
def chat(openvino_engine: OpenVinoEngine, dialect: Dialect) -> Chat:
    return Chat(openvino_engine, dialect)


def say(chat: Chat, sampling: Sampling, tools: tuple[ToolSchema, ...] = ()) -> tuple[Any, str]:
    heard: list[str] = []
    reply = asyncio.run(chat.reply(ASK, tools, sampling, heard.append))
    return reply, "".join(heard)


@EASY
@given(schema=SCHEMAS, seed=st.integers(0, 99))
def test_a_sampled_answer_validates_and_streams_to_the_letter(chat: Chat, schema: Any, seed: int) -> None:
    reply, heard = say(chat, Sampling(160, 1.0, seed=seed, form=Form("json_schema", json.dumps(schema))))
    assert heard == reply.message.content
    assert reply.finish in ("stop", "length"), reply.error
    if reply.finish == "stop":
        jsonschema.validate(json.loads(heard), schema)


@EASY
@given(schema=SCHEMAS, seed=st.integers(0, 99), name=st.sampled_from([ANY_TOOL, "look"]))
def test_a_required_call_validates(chat: Chat, schema: Any, seed: int, name: str) -> None:
    parameters = {
        "type": "object",
        "properties": {"x": {key: value for key, value in schema.items() if key != "$defs"}},
        "required": ["x"],
        "additionalProperties": False,
        "$defs": schema["$defs"],
    }
    tool: ToolSchema = {"type": "function", "function": {"name": "look", "parameters": parameters}}
    reply, _ = say(chat, Sampling(200, 1.0, seed=seed, call=name), (tool,))
    if reply.finish == "stop":
        assert not reply.malformed
        assert reply.message.tool_calls
        for call in reply.message.tool_calls:
            jsonschema.validate(dict(call.arguments), parameters)


@pytest.mark.parametrize("schema", [{}, True, {"type": "object"}, {"type": "array"}, {"type": "number"}])
def test_free_values_are_json(chat: Chat, schema: Any) -> None:
    ends = []
    for seed in range(4):
        reply, heard = say(chat, Sampling(120, 1.0, seed=seed, form=Form("json_schema", json.dumps(schema))))
        ends.append(reply.finish)
        if reply.finish == "stop":
            jsonschema.validate(json.loads(heard), schema)
    assert "stop" in ends


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "maximum": 2},
        {"type": "integer", "minimum": 2},
        {"type": "integer", "multipleOf": 7},
        {"type": "array", "uniqueItems": True},
        {"not": {"type": "object"}},
        {"type": "string", "pattern": "^a"},
        {"type": "string", "format": "date"},
        {"allOf": [{"type": "integer"}]},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"properties": {"a": {}}},
        {"type": "object", "minProperties": 1},
        {"type": "array", "items": {"type": "string", "pattern": "a"}},
    ],
)
def test_a_keyword_that_would_be_skipped_is_refused(schema: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        ebnf_of(Constraint(Form("json_schema", json.dumps(schema))))
    assert refused.value.field == "response_format"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#/nope"},
        {"$ref": "https://example.com"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        False,
        {"enum": ["a"], "type": "integer"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "minItems": 3, "maxItems": 2},
    ],
)
def test_a_schema_that_allows_nothing_or_is_none_is_the_callers_mistake(schema: Any) -> None:
    with pytest.raises(UserError):
        ebnf_of(Constraint(Form("json_schema", json.dumps(schema))))


def test_other_forms_are_refused() -> None:
    with pytest.raises(Unsupported, match="regex"):
        ebnf_of(Constraint(Form("regex", "a")))
