"""Whatever a random model samples under a constraint parses and validates; what cannot be held is refused."""

import asyncio
import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.engine import (
    ANY_TOOL,
    CallForm,
    Caps,
    Chat,
    Constraint,
    Form,
    Request,
    Sampling,
    TorchEngine,
    Unsupported,
    generate,
)
from trimtab.engine.grammar import available
from trimtab.model import Dialect
from trimtab.records import Message, ToolSchema, UserError

pytestmark = pytest.mark.skipif(not available(), reason="llguidance is not installed (the constrained extra)")

ASK = (Message("user", "hello there"),)
EASY = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAVES = st.sampled_from(
    [
        {"type": "integer"},
        {"type": "integer", "minimum": 3, "maximum": 40},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "string", "maxLength": 4},
        {"enum": ["<tool_call>", "b", 3]},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"const": 'a "quoted" </tool_call> <\\ text'},
    ]
)


def _wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(["a", "b c", "<tool_call>", "ü"]), inner, max_size=3)
    objects = fields.map(
        lambda given: {
            "type": "object",
            "properties": given,
            "required": sorted(given)[:2],
            "additionalProperties": False,
        }
    )
    return objects | inner.map(lambda item: {"type": "array", "items": item, "maxItems": 2})


SCHEMAS = st.recursive(LEAVES, _wider, max_leaves=4)
ONE_FIELD: Any = {
    "type": "object",
    "properties": {"a": {"type": "boolean"}},
    "required": ["a"],
    "additionalProperties": False,
}


def tool(name: str, parameters: Any) -> ToolSchema:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


@pytest.fixture(scope="session")
def chat(torch_engine: TorchEngine, dialect: Dialect) -> Chat:
    return Chat(torch_engine, dialect)


def say(chat: Chat, sampling: Sampling, tools: tuple[ToolSchema, ...] = ()) -> tuple[Any, str]:
    heard: list[str] = []
    reply = asyncio.run(chat.reply(ASK, tools, sampling, heard.append))
    return reply, "".join(heard)


@EASY
@given(schema=SCHEMAS, seed=st.integers(0, 99))
def test_a_sampled_answer_is_json_of_its_schema_and_streams_to_the_letter(chat: Chat, schema: Any, seed: int) -> None:
    form = Form("json_schema", json.dumps(schema))
    reply, heard = say(chat, Sampling(160, 1.0, seed=seed, form=form))
    assert heard == reply.message.content == reply.text
    assert not reply.message.tool_calls
    assert not reply.malformed
    if reply.finish == "stop":
        jsonschema.validate(json.loads(heard), schema)
    else:
        assert (reply.finish, len(reply.token_ids)) == ("length", 160)


@EASY
@given(schema=SCHEMAS, seed=st.integers(0, 99), name=st.sampled_from([ANY_TOOL, "look", 'odd "<tool_call>" name']))
def test_a_required_call_names_a_tool_and_its_arguments_validate(chat: Chat, schema: Any, seed: int, name: str) -> None:
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
    tools = (tool("look", parameters), tool('odd "<tool_call>" name', parameters))
    reply, heard = say(chat, Sampling(200, 1.0, seed=seed, call=name), tools)
    assert heard == reply.message.content == "" or reply.finish == "length"
    if reply.finish == "stop":
        assert not reply.malformed
        assert reply.message.tool_calls
        for call in reply.message.tool_calls:
            assert call.name in ([name] if name != ANY_TOOL else ["look", 'odd "<tool_call>" name'])
            jsonschema.validate(dict(call.arguments), parameters)


def test_most_samples_come_to_their_end(chat: Chat) -> None:
    """The two properties above speak of answers that end: they do."""
    form = Form("json_schema", json.dumps(ONE_FIELD))
    ends = [say(chat, Sampling(60, 1.0, seed=seed, form=form))[0].finish for seed in range(5)]
    assert ends == ["stop"] * 5


def test_without_its_constraint_the_same_model_says_no_json(chat: Chat) -> None:
    reply, _ = say(chat, Sampling(60, 1.0, seed=1))
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(reply.text)


def test_with_tools_a_form_leaves_the_model_its_calls(chat: Chat) -> None:
    tools = (tool("look", {"type": "object", "properties": {}, "additionalProperties": False}),)
    form = Form("json_schema", '{"type": "boolean"}')
    replies = [say(chat, Sampling(80, 4.0, seed=seed, form=form), tools)[0] for seed in range(40)]
    assert {bool(reply.message.tool_calls) for reply in replies if reply.finish == "stop"} == {True, False}
    for reply in replies:
        assert reply.message.tool_calls or reply.text in ("true", "false") or reply.finish == "length"


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        (Form("regex", r"[0-9]{3}/(\\|\")x"), r"[0-9]{3}/(\\|\")x"),
        (Form("lark", 'start: "[" DOC ("][" DOC)* "]"\nDOC: /d[0-9]{1,2}/'), r"(\[d[0-9]{1,2}\])+"),
    ],
)
def test_regex_and_grammar_hold_the_whole_text(chat: Chat, form: Form, pattern: str) -> None:
    for seed in range(5):
        reply, heard = say(chat, Sampling(80, 1.0, seed=seed, form=form))
        assert reply.finish == "length" or re.fullmatch(pattern, heard)


def test_an_engine_request_without_stop_ids_ends_where_its_text_is_whole(chat: Chat) -> None:
    constraint = Constraint(calls=(CallForm("<call>", '{"enum": [1, 2]}', "</call>"),))
    (done,) = generate(chat.engine, [Request((5, 6), Sampling(60, 1.0, seed=0), constraint)])
    assert done.finish == "stop"
    assert re.fullmatch("<call>[12]</call>", chat.dialect.decode(done.token_ids))


def test_log_probs_stay_the_models_own(chat: Chat) -> None:
    form = Form("json_schema", '{"enum": ["a long enough value", "another"]}')
    reply, _ = say(chat, Sampling(60, 1.0, seed=3, form=form))
    prompt = chat.dialect.encode(ASK, reply=True)
    assert reply.logprobs == pytest.approx(chat.engine.score(prompt, reply.token_ids), abs=1e-4)


def test_constrained_and_free_requests_run_side_by_side_undisturbed(chat: Chat) -> None:
    free = Request((7, 8, 9), Sampling(20, 0.8, seed=5))
    alone = generate(chat.engine, [free])[0].token_ids
    held = Request((5, 6), Sampling(20, 1.0, seed=1), Constraint(Form("json_schema", "{}")))
    assert generate(chat.engine, [held, free, held])[1].token_ids == alone


@pytest.mark.parametrize(
    "form",
    [
        Form("json_schema", '{"type": "nonsense"}'),
        Form("json_schema", '{"not": {"type": "object"}}'),
        Form("json_schema", '{"$ref": "https://example.com/schema"}'),
        Form("json_schema", '{"const": "\\u003c|im_end|>"}'),
        Form("regex", "("),
        Form("lark", "no grammar"),
    ],
)
def test_a_form_that_cannot_be_held_is_the_callers_mistake(chat: Chat, form: Form) -> None:
    with pytest.raises(UserError, match="form"):
        say(chat, Sampling(form=form))


def test_a_tool_that_is_not_offered_cannot_be_required(chat: Chat) -> None:
    with pytest.raises(UserError, match="'look'"):
        say(chat, Sampling(call="look"), (tool("other", {}),))


def test_a_grammar_that_comes_to_a_dead_end_fails_alone(chat: Chat) -> None:
    """A text that spells a special token cannot be generated, and here that shows only on the way."""
    free = Request((7, 8, 9), Sampling(20, 0.8, seed=5))
    stuck = Request((5, 6), Sampling(20, 1.0, seed=1), Constraint(Form("lark", 'start: "a" "<|im" "_end|>"')))
    ended, other = generate(chat.engine, [stuck, free])
    assert (ended.finish, other.finish) == ("error", "length")


class Plain:
    """An engine that constrains nothing."""

    caps, weights = Caps("plain"), "w"

    def submit(self, request: Request, on_chunk: Any) -> Any:
        raise AssertionError("it must be refused before")

    def score(self, prompt_ids: Any, completion_ids: Any) -> list[float]:
        raise NotImplementedError

    def close(self) -> None:
        return None


@pytest.mark.parametrize(
    ("sampling", "field"),
    [
        (Sampling(form=Form("json_schema", "{}")), "response_format"),
        (Sampling(call=ANY_TOOL), "tool_choice"),
        (Sampling(top_logprobs=1), "top_logprobs"),
    ],
)
def test_an_engine_that_cannot_is_never_asked(dialect: Dialect, sampling: Sampling, field: str) -> None:
    with pytest.raises(Unsupported, match="plain") as refused:
        say(Chat(Plain(), dialect), sampling, (tool("look", {}),))
    assert refused.value.field == field


def test_a_caller_who_leaves_while_the_grammar_is_built_leaves_nothing_running(chat: Chat) -> None:
    async def leave() -> None:
        form = Form("json_schema", json.dumps({"type": "string", "maxLength": 400}))
        task = asyncio.ensure_future(chat.reply(ASK, (), Sampling(300, form=form)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(500):
            if chat.engine._worker.idle:  # type: ignore[attr-defined]
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it goes on")

    asyncio.run(leave())
