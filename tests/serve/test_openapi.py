"""The document tells the truth of the routes, and no body, meant or mutated, brings more than OpenAI's error shape."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from tests.serve.embedding import Letters

from trimtab.serve import Gateway, create_app
from trimtab.serve.openapi import document

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
POSTED = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/feedback"]

TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CHAT: Any = {
    "model": "trimtab",
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "logprobs": True,
    "top_logprobs": 0,
    "n": 2,
    "stop": ["END"],
    "seed": 3,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "max_tokens": 8,
}
WHOLE: dict[str, Any] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "trimtab", "prompt": ["a", "b"], "max_tokens": 4, "stop": "x", "seed": 1},
    "/v1/embeddings": {"model": "trimtab:embeddings", "input": ["x", "y"], "encoding_format": "base64", "user": "ann"},
    "/v1/feedback": {"trace": "chatcmpl-1", "thumb": True, "severity": 2, "comment": "x"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ODD = st.sampled_from(
    [
        "",
        "\0",
        "\ud7ff",
        "<|im_end|>",
        -1,
        0,
        2**63,
        1e308,
        [],
        {},
        [[]],
        {"$ref": "#"},
        {"type": "x"},
        "a" * 5000,
        True,
    ]
)


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*here, key))


def put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """The value with ``new`` at ``place``; a key that is Ellipsis there is left out."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and len(place) == 1:
        del copy[place[0]]
    else:
        copy[place[0]] = put(value[place[0]], place[1:], new)
    return copy


@st.composite
def mutated(draw: st.DrawFn, path: str) -> Any:
    """A whole body with some of its places changed, taken out or added to."""
    body = WHOLE[path]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(list(places(body))))
        new = draw(JSON | ODD | (st.just(...) if place else st.nothing()))
        body = put(body, place, new)
        if not isinstance(body, dict):
            break
    return body


@pytest.fixture(scope="module")
def made(random_weights: Any, memory_of: Any) -> Iterator[Any]:
    from starlette.testclient import TestClient

    gateway = Gateway(memory_of())
    gateway.set_arms(random_weights)
    gateway.embedder = Letters()
    with TestClient(create_app(gateway), raise_server_exceptions=False) as client:
        yield gateway, client


def check(response: Any) -> None:
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        jsonschema.validate(response.json(), document()["components"]["schemas"]["Error"])
    elif response.headers["content-type"].startswith("text/event-stream"):
        events = [line for line in response.text.split("\n\n") if line.startswith("data: {")]
        assert not any("error" in json.loads(event[6:]) for event in events)


@pytest.mark.parametrize("path", POSTED)
def test_mutated_bodies_bring_no_failure_and_nothing_stays_behind(made: Any, path: str) -> None:
    gateway, client = made
    seen: set[int] = set()

    @MANY
    @given(body=mutated(path))
    def answers(body: Any) -> None:
        response = client.post(path, json=body)
        check(response)
        seen.add(response.status_code)

    answers()
    assert gateway.in_flight == 0
    assert not +gateway.arms._leases
    assert 400 in seen
    assert 200 in seen or path == "/v1/feedback"


@pytest.mark.parametrize("path", POSTED)
def test_random_json_and_random_bytes_bring_no_failure(made: Any, path: str) -> None:
    _, client = made

    @settings(MANY, max_examples=40)
    @given(content=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
    def answers(content: bytes) -> None:
        response = client.post(path, content=content)
        check(response)
        assert 400 <= response.status_code < 500

    answers()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_route_answers_every_method_in_shape(made: Any, method: str) -> None:
    for path in [*document()["paths"], "/", "/v1", "/v1/chat"]:
        check(made[1].request(method, path.replace("{model}", "no/such%00model")))


def test_a_broken_route_would_be_noticed(served: Callable[..., Any], memory_of: Any, model_of: Any) -> None:
    from starlette.testclient import TestClient

    gateway = Gateway(memory_of())
    gateway.set_arms(served("a" * 64, model_of((RuntimeError("lost"),))))
    with (
        TestClient(create_app(gateway), raise_server_exceptions=False) as client,
        pytest.raises(AssertionError, match="server_error"),
    ):
        check(client.post("/v1/completions", json=WHOLE["/v1/completions"]))


def test_the_document_and_the_routes_are_the_same(made: Any, memory_of: Any) -> None:
    routes = {
        (route.path.replace(":path", ""), method.lower())
        for route in create_app(Gateway(memory_of())).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert made[1].get("/openapi.json").json() == document()
    assert {(path, method) for path, of in document()["paths"].items() for method in of} == routes


@pytest.mark.parametrize("path", POSTED)
def test_the_documented_schema_takes_a_whole_body_and_its_references_hold(path: str) -> None:
    reference = document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = {"$ref": reference, "components": document()["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(WHOLE[path], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**WHOLE[path], "model": 3, "trace": 3}, schema)
