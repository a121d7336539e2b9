"""The official client against a real server on the loopback: what people will do on their first day."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, cast

import httpx
import openai
import pydantic
import pytest
import uvicorn

from trimtab.engine.grammar import available
from trimtab.records import ToolCall
from trimtab.serve import Gateway, ServeConfig, bind, create_app, url_of
from trimtab.tools import make_schema

_HI: Any = [{"role": "user", "content": "hi"}]
_WEATHER: Any = make_schema("weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
constrained = pytest.mark.skipif(not available(), reason="llguidance is not installed (the constrained extra)")


class Site:
    """A running server, its gateway and a client of it."""

    def __init__(self, gateway: Gateway, model: Any, sink: Any) -> None:
        self.gateway, self.model, self.sink = gateway, model, sink
        listener = bind("127.0.0.1", 0)
        self.url = url_of(listener)
        self._server = uvicorn.Server(uvicorn.Config(create_app(gateway), log_level="error"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        self.client = self.client_with("key-1")

    def client_with(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("it never came to that")

    def stop(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def site(served: Callable[..., Any], model_of: Any, memory_of: Any) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(*lines: Any, pause: float = 0.0, stable: Any = None, **config: Any) -> Site:
        model, sink = model_of(lines or ("Hello from here.",), pause), memory_of()
        gateway = Gateway(sink, config=ServeConfig(**config), tenants={"key-1": "acme"}.get)
        gateway.set_arms(stable or served("a" * 64, model))
        sites.append(Site(gateway, model, sink))
        return sites[-1]

    yield make
    for one in sites:
        one.stop()


def test_chat_stream_models_and_headers(site: Callable[..., Site]) -> None:
    here = site()
    answer = here.client.chat.completions.create(model="trimtab", messages=_HI)
    assert answer.choices[0].message.content == "Hello from here."
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10
    assert answer._request_id == answer.id

    raw = here.client.chat.completions.with_raw_response.create(model="trimtab", messages=_HI, user="bob")
    assert raw.headers["x-trimtab-release"] == "a" * 64

    stream = here.client.chat.completions.create(
        model="trimtab", messages=_HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello from here."
    assert chunks[-1].usage is not None

    names = [model.id for model in here.client.models.list()]
    assert names == ["trimtab", "trimtab@" + "a" * 12]
    assert here.client.models.retrieve(names[1]).id == names[1]
    assert here.client.chat.completions.create(model=names[1], messages=_HI).choices


def test_a_tool_round_trip(site: Callable[..., Site]) -> None:
    here = site(ToolCall("weather", {"city": "Oslo"}), "It is sunny.")
    first = here.client.chat.completions.create(model="trimtab", messages=_HI, tools=[_WEATHER])
    message: Any = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages: Any = [*_HI, message.model_dump(exclude_none=True), result]
    second = here.client.chat.completions.create(model="trimtab", messages=messages, tools=[_WEATHER])
    assert second.choices[0].message.content == "It is sunny."
    assert here.model.seen[1][0][-1].content == "sunny"


def test_streamed_tool_calls_are_put_together_by_the_client(site: Callable[..., Site]) -> None:
    here = site(ToolCall("weather", {"city": "Oslo"}))
    with here.client.chat.completions.stream(model="trimtab", messages=_HI, tools=[_WEATHER]) as stream:
        final: Any = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city": "Oslo"}'


def test_errors_are_the_clients_own(site: Callable[..., Site]) -> None:
    here = site(RuntimeError("lost"))
    create: Any = here.client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as missing:
        create(model="gpt-4", messages=_HI)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        create(model="trimtab", messages=_HI, temperature=9)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.AuthenticationError), here.client_with("wrong") as stranger:
        stranger.chat.completions.create(model="trimtab", messages=_HI)
    with pytest.raises(openai.InternalServerError) as failed:
        create(model="trimtab", messages=_HI)
    assert "lost" not in str(failed.value)
    with pytest.raises(openai.InternalServerError):
        create(model="trimtab", messages=_HI, stream=True)


def test_feedback_over_the_wire(site: Callable[..., Site]) -> None:
    here = site()
    answer = here.client.chat.completions.create(model="trimtab", messages=_HI)
    headers = {"authorization": "Bearer key-1"}
    with httpx.Client(base_url=here.url, headers=headers) as http:
        said = http.post("/v1/feedback", json={"trace": answer.id, "thumb": False})
        assert said.status_code == 200
        assert http.post("/v1/feedback", json={"trace": "x", "thumb": False}).status_code == 404
    assert [feedback.trace for feedback in here.sink.said] == [answer.id]


def test_a_real_hang_up_stops_the_generation(site: Callable[..., Site]) -> None:
    here = site("one two three " * 100, pause=0.02)
    stream = here.client.chat.completions.create(model="trimtab", messages=_HI, stream=True)
    assert next(iter(stream)).choices[0].delta.role == "assistant"
    stream.close()
    here.until(lambda: here.model.cancelled == 1)
    here.until(lambda: len(here.sink.traces) == 1)
    assert here.sink.traces[0].finish == "cancelled"
    assert here.gateway.in_flight == 0


def test_many_at_once_each_get_their_own_answer(site: Callable[..., Site]) -> None:
    here = site(pause=0.005)
    ids: list[str] = []

    def ask() -> None:
        ids.append(here.client.chat.completions.create(model="trimtab", messages=_HI).id)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    here.until(lambda: len(here.sink.traces) == 16)
    assert len(set(ids)) == 16
    assert {trace.id for trace in here.sink.traces} == set(ids)


class Paint(pydantic.BaseModel):
    """What a structured answer is parsed into."""

    model_config = pydantic.ConfigDict(extra="forbid")

    colour: Literal["red", "blue"]
    coats: Annotated[int, pydantic.Field(ge=1, le=9)]


@constrained
def test_structured_output_is_parsed_by_the_client_and_streams(site: Callable[..., Site], random_weights: Any) -> None:
    here = site(stable=random_weights)
    parsed = here.client.chat.completions.parse(model="trimtab", messages=_HI, response_format=Paint, n=3, seed=1)
    for choice in parsed.choices:
        assert isinstance(choice.message.parsed, Paint)
        assert choice.message.content == json.dumps(choice.message.parsed.model_dump())
    with here.client.chat.completions.stream(model="trimtab", messages=_HI, response_format=Paint, seed=2) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Paint)
    plain = here.client.chat.completions.create(
        model="trimtab", messages=_HI, response_format={"type": "json_object"}, seed=3, max_tokens=100
    )
    if plain.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(plain.choices[0].message.content or ""), dict)
    create: Any = here.client.chat.completions.create
    schema = {"name": "x", "schema": {"not": {"type": "object"}}}
    with pytest.raises(openai.BadRequestError) as refused:
        create(model="trimtab", messages=_HI, response_format={"type": "json_schema", "json_schema": schema})
    assert refused.value.param == "response_format"


@constrained
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "paint"}}])
def test_a_call_that_is_required_is_made(site: Callable[..., Site], random_weights: Any, choice: Any) -> None:
    here = site(stable=random_weights)
    tool: Any = make_schema("paint", "Paint it.", Paint.model_json_schema())
    answer = here.client.chat.completions.create(
        model="trimtab", messages=_HI, tools=[tool], tool_choice=choice, seed=1
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    for call in cast(Any, answer.choices[0].message.tool_calls):
        Paint.model_validate_json(call.function.arguments)
    with here.client.chat.completions.stream(
        model="trimtab", messages=_HI, tools=[tool], tool_choice=choice, seed=1
    ) as stream:
        final: Any = stream.get_final_completion()
    called = [call.function.arguments for call in final.choices[0].message.tool_calls]
    assert called == [call.function.arguments for call in cast(Any, answer.choices[0].message.tool_calls)]


def test_log_probs_spell_the_answer(site: Callable[..., Site], random_weights: Any) -> None:
    here = site(stable=random_weights)
    spelled_out = 0
    for seed in range(12):
        ask: Any = {"model": "trimtab", "messages": _HI, "logprobs": True, "seed": seed, "max_tokens": 4}
        answer = here.client.chat.completions.create(**ask)
        said: Any = answer.choices[0].logprobs
        if said is None:  # half a character was said: there are no tokens that spell it
            continue
        spelled_out += 1
        spelled = b"".join(bytes(token.bytes) for token in said.content).decode()
        assert spelled.strip() == answer.choices[0].message.content
        assert all(-30 < token.logprob <= 0 and token.top_logprobs == [] for token in said.content)
        parts = [part for chunk in here.client.chat.completions.create(**ask, stream=True) for part in chunk.choices]
        assert [token for part in parts if part.logprobs for token in part.logprobs.content] == said.content
    assert spelled_out > 0
    with pytest.raises(openai.BadRequestError) as refused:
        here.client.chat.completions.create(model="trimtab", messages=_HI, logprobs=True, top_logprobs=2)
    assert (refused.value.param, refused.value.code) == ("top_logprobs", "unsupported_value")


def test_several_samples_differ_and_come_back_with_their_seed(site: Callable[..., Site], random_weights: Any) -> None:
    here = site(stable=random_weights)
    ask: Any = {"model": "trimtab", "messages": _HI, "n": 3, "seed": 7, "max_tokens": 8}
    answer = here.client.chat.completions.create(**ask)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 24
    again = here.client.chat.completions.create(**ask)
    assert [choice.message.content for choice in again.choices] == texts
    streamed: dict[int, str] = {}
    for chunk in here.client.chat.completions.create(**ask, stream=True):
        for part in chunk.choices:
            streamed[part.index] = streamed.get(part.index, "") + (part.delta.content or "")
    assert [streamed[i] for i in range(3)] == texts
    alone = here.client.chat.completions.create(**ask | {"n": 1})
    assert alone.choices[0].message.content == texts[0]


def test_legacy_completions_and_what_is_not_there(site: Callable[..., Site], random_weights: Any) -> None:
    here = site(stable=random_weights)
    ask: Any = {"model": "trimtab", "prompt": ["Once upon", "Two"], "max_tokens": 6, "seed": 1}
    answer = here.client.completions.create(**ask)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 12
    texts = ["", ""]
    for chunk in here.client.completions.create(**ask, stream=True):
        for part in chunk.choices:
            texts[part.index] += part.text
    assert texts == [choice.text for choice in answer.choices]
    with pytest.raises(openai.NotFoundError) as missing:
        here.client.embeddings.create(model="embedder", input="x")
    assert missing.value.code == "model_not_found"
