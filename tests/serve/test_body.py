"""The body: what OpenAI takes is taken, what it refuses is refused with the field's name, nothing is ignored."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine import ANY_TOOL, Form, Sampling
from trimtab.serve import ApiError
from trimtab.serve.body import ONLY, _parse, chat_request

_USER = [{"role": "user", "content": "hi"}]
_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def _schema(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": _USER} | fields


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [*_USER, {"role": "tool", "content": "x", "tool_call_id": "c1"}]}, "messages[1].tool_call_id"),
        ({"messages": [*_USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "0"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"other": 1}}, "stream_options.other"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [_TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [_TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}}, "response_format"),
        ({"response_format": _schema({"type": 3})}, "response_format.json_schema.schema"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"seed": 2**64}, "seed"),
        ({"top_logprobs": 0}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"frobnicate": 1}, "frobnicate"),
        *(({name: [1] if isinstance(only, dict) else 2}, name) for name, only in ONLY.items()),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        chat_request(_body(**fields))
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize("body", [None, [], "text", 3, {}, {"messages": _USER}, {"model": "m"}])
def test_a_body_without_its_parts_is_refused(body: Any) -> None:
    with pytest.raises(ApiError) as caught:
        chat_request(body)
    assert caught.value.status == 400


def test_the_one_supported_value_is_taken() -> None:
    assert chat_request(_body(**ONLY)) == chat_request(_body()) == chat_request(_body(**dict.fromkeys(ONLY)))


def test_what_has_no_effect_is_taken_without_one() -> None:
    plain = chat_request(_body())
    assert chat_request(_body(metadata={"a": "b"}, store=False, service_tier="auto", prompt_cache_key="k")) == plain


def test_the_clients_decoding_replaces_the_releases_own_and_nothing_else() -> None:
    default = Sampling(max_tokens=99, temperature=0.7, top_p=0.9, seed=1, stop=("x",), stop_ids=(4,))
    assert chat_request(_body()).sampling(default) == default
    asked = chat_request(_body(max_tokens=5, temperature=0, top_p=1, seed=0, stop="END"))
    assert asked.sampling(default) == Sampling(5, 0.0, 1.0, 0, ("END",), (4,))
    assert chat_request(_body(max_tokens=5, max_completion_tokens=6)).sampling(default).max_tokens == 6


def test_tools_brought_tools_refused_and_no_tools_are_three_things() -> None:
    assert chat_request(_body()).tools is None
    assert chat_request(_body(tools=[_TOOL])).tools == (_TOOL,)
    assert chat_request(_body(tools=[_TOOL], tool_choice="auto")).tools == (_TOOL,)
    assert chat_request(_body(tools=[_TOOL], tool_choice="none")).tools == ()


def test_a_shape_becomes_a_form_or_a_call() -> None:
    def changes(**fields: Any) -> dict[str, Any]:
        return dict(chat_request(_body(**fields)).changes)

    assert changes(response_format={"type": "text"}) == {}
    assert changes(response_format={"type": "json_object"}) == {"form": Form("json_schema", '{"type": "object"}')}
    assert changes(response_format=_schema({"enum": [1]})) == {"form": Form("json_schema", '{"enum": [1]}')}
    assert changes(tools=[_TOOL], tool_choice="auto") == {}
    assert changes(tools=[_TOOL], tool_choice="required") == {"call": ANY_TOOL}
    assert changes(tools=[_TOOL], tool_choice={"type": "function", "function": {"name": "f"}}) == {"call": "f"}
    assert changes(logprobs=True) == {"top_logprobs": 0}
    assert changes(logprobs=False, n=3) == {}
    assert chat_request(_body(n=3)).n == 3


def test_a_conversation_with_tool_results_is_taken() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        *_USER,
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "content": [{"type": "text", "text": "42"}], "tool_call_id": "c1"},
    ]
    asked = chat_request(_body(messages=messages))
    assert [message.role for message in asked.messages] == ["system", "user", "assistant", "tool"]
    assert asked.messages[3].content == "42"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": "\\ud83d"}',
        b'{"a": {"b": 1, "b": 1}}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_a_400(data: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        _parse(data)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none()))
def test_what_is_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert _parse(json.dumps(value).encode()) == value
    assert _parse(json.dumps(value, ensure_ascii=False).encode()) == value


def test_one_call_at_most_where_parallel_calls_are_refused() -> None:
    def changes(**fields: Any) -> dict[str, Any]:
        return dict(chat_request(_body(**fields)).changes)

    assert changes(tools=[_TOOL], parallel_tool_calls=False) == {"one_call": True}
    assert changes(tools=[_TOOL], parallel_tool_calls=True) == changes(parallel_tool_calls=True) == {}
    with pytest.raises(ApiError) as caught:
        changes(parallel_tool_calls=False)
    assert (caught.value.status, caught.value.param) == (400, "parallel_tool_calls")
