"""Two products behind one router: each answers its own, and nothing of one is seen through the other."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from trimtab.serve import Gateway, ServeConfig, create_app
from trimtab.serve.products import Product, Router

_KEYS = {"shop": {"shop-key": "acme", "shop-two": "beta"}, "desk": {"desk-key": "acme"}}
"""A tenant of the same name in both products is two tenants."""


@dataclass
class Pair:
    gateways: dict[str, Gateway]
    models: dict[str, Any]
    sinks: dict[str, Any]
    router: Router
    client: TestClient

    def ask(self, model: str, key: str = "", **fields: Any) -> Any:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]} | fields
        return self.client.post("/v1/chat/completions", json=body, headers=bearer(key))

    def say(self, trace: str, key: str = "") -> Any:
        return self.client.post("/v1/feedback", json={"trace": trace, "thumb": False}, headers=bearer(key))

    def listed(self, key: str = "") -> list[str]:
        return [row["id"] for row in self.client.get("/v1/models", headers=bearer(key)).json()["data"]]

    def written(self, name: str) -> list[Any]:
        self.gateways[name].outbox.close()
        return list(self.sinks[name].traces)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


@pytest.fixture
def pair(served: Callable[..., Any], model_of: Any, memory_of: Any) -> Iterator[Callable[..., Pair]]:
    """``pair(keyed=("shop",), loaded=("shop", "desk"), config={…})``."""
    with ExitStack() as stack:

        def make(keyed: tuple[str, ...] = (), loaded: tuple[str, ...] = ("shop", "desk"), config: Any = None) -> Pair:
            gateways, models, sinks = {}, {}, {}
            for name, release in (("shop", "a" * 64), ("desk", "d" * 64)):
                sinks[name], models[name] = memory_of(), model_of([f"This is {name}."])
                find = _KEYS[name].get if name in keyed else None
                settings = ServeConfig(name=name, **(config or {}).get(name, {}))
                gateways[name] = Gateway(sinks[name], config=settings, tenants=find, clock=lambda: 1000.0)
                if name in loaded:
                    gateways[name].set_arms(served(release, models[name]))
            router = Router([Product(one, create_app(one)) for one in gateways.values()])
            client = stack.enter_context(TestClient(router, raise_server_exceptions=False))
            return Pair(gateways, models, sinks, router, client)

        yield make


def test_the_models_name_chooses_the_product(pair: Callable[..., Pair]) -> None:
    here = pair()
    for name, release in (("shop", "a" * 64), ("desk", "d" * 64)):
        for model in (name, f"{name}@{release[:12]}"):
            answer = here.ask(model)
            assert answer.json()["choices"][0]["message"]["content"] == f"This is {name}."
            assert answer.headers["x-trimtab-release"] == release
            streamed = here.ask(model, stream=True).text
            assert f"{name}@" in streamed
            assert streamed.endswith("data: [DONE]\n\n")
        text = here.client.post("/v1/completions", json={"model": name, "prompt": "And"})
        assert text.json()["choices"][0]["text"] == f"This is {name}."
        assert here.client.get(f"/v1/models/{name}").json()["id"] == name
    assert here.listed() == ["shop", "shop@aaaaaaaaaaaa", "desk", "desk@dddddddddddd"]
    assert {trace.release for trace in here.written("shop")} == {"a" * 64}
    assert {trace.release for trace in here.written("desk")} == {"d" * 64}


def test_feedback_finds_the_product_of_its_answer(pair: Callable[..., Pair]) -> None:
    here = pair()
    for name, other in (("shop", "desk"), ("desk", "shop")):
        said = here.say(here.ask(name).json()["id"])
        assert said.status_code == 200
        assert [one.id for one in here.sinks[name].said] == [said.json()["id"]]
        assert said.json()["id"] not in {one.id for one in here.sinks[other].said}
    assert here.say("chatcmpl-never").status_code == 404


def test_a_key_opens_its_own_product_and_the_other_is_as_if_it_never_was(pair: Callable[..., Pair]) -> None:
    here = pair(keyed=("shop", "desk"))
    own = here.ask("desk", "desk-key")
    assert own.status_code == 200
    assert here.listed("desk-key") == ["desk", "desk@dddddddddddd"]
    theirs, never = here.ask("shop", "desk-key"), here.ask("ship", "desk-key")
    assert theirs.status_code == never.status_code == 404
    assert theirs.text.replace("shop", "ship") == never.text
    assert set(theirs.headers) == set(never.headers)
    assert here.client.get("/v1/models/shop", headers=bearer("desk-key")).status_code == 404
    foreign, unknown = here.say(own.json()["id"], "shop-key"), here.say("chatcmpl-never", "shop-key")
    assert foreign.status_code == unknown.status_code == 404
    assert here.say(own.json()["id"], "desk-key").status_code == 200


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_key_that_opens_nothing_is_refused_before_its_body_is_read(pair: Callable[..., Pair], key: str) -> None:
    here = pair(keyed=("shop", "desk"))
    assert here.ask("shop", key).status_code == 401
    assert here.say("x", key).status_code == 401
    assert here.client.get("/v1/models", headers=bearer(key)).status_code == 401
    assert here.client.post("/v1/chat/completions", content=b"{", headers=bearer(key)).status_code == 401


def test_beside_a_product_with_keys_one_without_stays_open_to_strangers_only(pair: Callable[..., Pair]) -> None:
    here = pair(keyed=("shop",))
    assert here.listed() == here.listed("wrong") == ["desk", "desk@dddddddddddd"]
    assert here.ask("desk", "whatever").status_code == 200
    assert here.ask("shop").status_code == 404
    assert here.listed("shop-key") == ["shop", "shop@aaaaaaaaaaaa"]
    assert here.ask("desk", "shop-key").status_code == 404


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"model": 7, "messages": []}', 400),
        (b'{"model": "\\ud800", "messages": []}', 400),
        (b'{"messages": [{"role": "user", "content": "hi"}]}', 400),
        (b'{"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}', 404),
        (b'{"model": "' + b"x" * 5000 + b'"}', 413),
        (b"[" * 3000, 400),
    ],
)
def test_bad_input_gets_the_answer_of_a_gateway_alone(pair: Callable[..., Pair], content: bytes, status: int) -> None:
    here = pair(config={"shop": {"body_bytes": 4096}, "desk": {"body_bytes": 4096}})
    alone = TestClient(create_app(here.gateways["shop"]))
    for path in ("/v1/chat/completions", "/v1/feedback"):
        together, plain = here.client.post(path, content=content), alone.post(path, content=content)
        assert (together.status_code, together.json()) == (plain.status_code, plain.json())
        assert path == "/v1/feedback" or plain.status_code == status


def test_a_product_takes_no_larger_body_than_its_own_limit(pair: Callable[..., Pair]) -> None:
    here = pair(config={"desk": {"body_bytes": 2048}})
    long = [{"role": "user", "content": "x" * 4000}]
    assert here.ask("shop", messages=long).status_code == 200
    assert here.ask("desk", messages=long).status_code == 413


def test_two_names_in_one_body_open_no_second_door(pair: Callable[..., Pair]) -> None:
    here = pair()
    content = b'{"model": "shop", "model": "desk", "messages": [{"role": "user", "content": "hi"}]}'
    answer = here.client.post("/v1/chat/completions", content=content)
    assert answer.headers.get("x-trimtab-release", "") in ("", "d" * 64), "who reads the last name, serves the last"


def test_a_broken_product_refuses_its_own_and_takes_nothing_from_the_other(pair: Callable[..., Pair]) -> None:
    here = pair(loaded=("desk",))
    ready = here.client.get("/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["products"]["shop"]["reasons"] == ["no stable release"]
    assert ready.json()["products"]["desk"]["status"] == "ready"
    refused = here.ask("shop")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
    assert here.ask("desk").status_code == 200
    here.gateways["desk"].set_arms(None)
    assert here.client.get("/ready").status_code == 503


def test_metrics_tell_each_product_apart_and_name_each_family_once(pair: Callable[..., Pair]) -> None:
    here = pair()
    here.ask("shop")
    here.ask("desk")
    here.ask("desk")
    text = here.client.get("/metrics").text
    assert 'trimtab_answers_total{product="shop",finish="stop"} 1' in text
    assert 'trimtab_answers_total{product="desk",finish="stop"} 2' in text
    assert 'trimtab_in_flight{product="desk"} 0' in text
    assert 'trimtab_first_token_seconds_count{product="desk"} 2' in text
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    families = [re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0]) for line in text.splitlines() if line[0] != "#"]
    runs = [name for name, before in zip(families, ["", *families], strict=False) if name != before]
    assert len(runs) == len(set(runs)), "the format wants a family's samples together"


def test_draining_drains_every_product(pair: Callable[..., Pair]) -> None:
    here = pair()
    idle = []
    for busy in (0, 1):
        here.gateways["desk"].in_flight = busy
        idle.append(here.router.idle)
    assert idle == [True, False]
    here.gateways["desk"].in_flight = 0
    here.router.drain(1.0)
    for name in ("shop", "desk"):
        assert (here.ask(name).status_code, here.ask(name).headers["retry-after"]) == (503, "5")
    ready = here.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")


def test_one_products_full_queue_is_not_the_others(pair: Callable[..., Pair]) -> None:
    here = pair(config={"shop": {"max_in_flight": 1, "admission": {"min_in_flight": 1, "queue": 0}}})
    here.gateways["shop"].in_flight = 1 + 0 + 64
    assert here.ask("shop").json()["error"]["code"] == "overloaded"
    assert here.ask("desk").status_code == 200


def test_bodies_under_way_are_bounded_for_the_whole_process(pair: Callable[..., Pair]) -> None:
    here = pair()
    here.router._arriving = 64
    refused = here.ask("shop")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    here.router._arriving = 0
    assert here.ask("shop").status_code == 200
    assert here.router._arriving == 0


def test_health_document_and_unknown_routes_answer_as_ever(pair: Callable[..., Pair]) -> None:
    here = pair(keyed=("shop", "desk"))
    assert here.client.get("/health").json() == {"status": "ok"}
    assert here.client.get("/openapi.json").json()["openapi"] == "3.1.0"
    assert here.client.get("/nowhere").status_code == 404
    assert here.client.get("/v1/chat/completions").status_code == 405


_ASKS = st.lists(
    st.tuples(
        st.sampled_from(["", "wrong", "shop-key", "shop-two", "desk-key"]),
        st.sampled_from(["shop", "desk", "shop@aaaa", "desk@dddd", "desk@", "Shop", "nobody"]),
        st.sampled_from(["ask", "list", "feedback", "model"]),
        st.integers(0, 9),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_ASKS, keyed=st.sampled_from([(), ("shop",), ("desk",), ("shop", "desk")]))
def test_no_interleaving_reads_across_products_or_tenants(
    pair: Callable[..., Pair], steps: list[tuple[str, str, str, int]], keyed: tuple[str, ...]
) -> None:
    """Against a plain model: whom a key opens, and whose every answer was."""
    here, answers = pair(keyed=keyed), list[tuple[str, str, str]]()
    for key, model, action, number in steps:
        opens = _opens(key, keyed)
        if action == "list":
            names = here.listed(key) if opens else []
            assert {name.split("@")[0] for name in names} == set(opens)
        elif action == "model":
            found = here.client.get(f"/v1/models/{model}", headers=bearer(key)).status_code == 200
            assert found <= (model.split("@")[0] in opens)
        elif action == "ask":
            answer = here.ask(model, key)
            mine = model in ("shop", "desk", "shop@aaaa", "desk@dddd") and model.split("@")[0] in opens
            assert answer.status_code == (200 if mine else 404 if opens else 401)
            if mine:
                name = model.split("@")[0]
                assert json.loads(answer.text)["choices"][0]["message"]["content"] == f"This is {name}."
                answers.append((answer.json()["id"], name, opens[name]))
        elif answers:
            trace, name, tenant = answers[number % len(answers)]
            mine = opens.get(name) == tenant
            assert here.say(trace, key).status_code == (200 if mine else 404 if opens else 401)


def _opens(key: str, keyed: tuple[str, ...]) -> dict[str, str]:
    """Product → tenant, by the rule in words: products that know the key, else those that ask for none."""
    known = {name: _KEYS[name][key] for name in keyed if key in _KEYS[name]}
    return known or {name: "" for name in ("shop", "desk") if name not in keyed}
