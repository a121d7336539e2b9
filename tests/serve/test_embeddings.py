"""/v1/embeddings: OpenAI's wire, under the same door, limits and queue as a chat; 404 where no model is configured."""

import asyncio
import base64
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.serve.conftest import Bench
from tests.serve.embedding import MOST, Letters
from tests.serve.tenants.office import Office, Price
from tests.serve.test_hold import Ledger

from trimtab.serve import Gateway, create_app
from trimtab.serve.embeddings import MOST_INPUTS
from trimtab.serve.leaving import while_there
from trimtab.serve.products import Product, Router

Make = Callable[..., Any]
NAME = "trimtab:embeddings"


@pytest.fixture
def made(bench: Make) -> Bench:
    return with_letters(bench(tenants=Ledger()))


def with_letters(made: Bench) -> Bench:
    made.gateway.embedder = Letters()
    return made


def ask(made: Bench, given: Any = "hi", **fields: Any) -> Any:
    headers = fields.pop("headers", None)
    return made.client.post("/v1/embeddings", json={"model": NAME, "input": given} | fields, headers=headers)


def is_free(made: Bench) -> bool:
    now = made.gateway.admission.snapshot()
    return made.gateway.idle and (now.in_flight, now.queued, now.kv_tokens_held) == (0, 0, 0)


def test_the_answer_is_openais(made: Bench) -> None:
    answer = ask(made, ["hi", "there"])
    assert answer.json() == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [2 / 16, ord("h") / 1024, 0.1]},
            {"object": "embedding", "index": 1, "embedding": [5 / 16, ord("t") / 1024, 0.1]},
        ],
        "model": NAME,
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("embd-")
    assert answer.headers["x-trimtab-weights"] == "e" * 64
    assert float(answer.headers["x-trimtab-overhead-ms"]) >= 0
    assert float(answer.headers["x-trimtab-queue-ms"]) >= 0
    assert is_free(made)


def test_base64_is_the_same_numbers_as_float32(made: Bench) -> None:
    (row,) = ask(made, "hi", encoding_format="base64").json()["data"]
    (same,) = ask(made, "hi", encoding_format="float").json()["data"]
    numbers = struct.unpack("<3f", base64.b64decode(row["embedding"]))
    assert list(numbers) == list(struct.unpack("<3f", struct.pack("<3f", *same["embedding"])))


@pytest.mark.parametrize(
    ("given", "count"), [("hi", 1), (["hi"], 1), ([104, 105], 1), ([[104, 105]], 1), (["hi", "hi"], 2), ([[104]], 1)]
)
def test_every_kind_of_input_is_taken(made: Bench, given: Any, count: int) -> None:
    data = ask(made, given, user="ann", dimensions=3, encoding_format="float").json()["data"]
    assert [row["index"] for row in data] == list(range(count))
    assert {row["embedding"][1] for row in data} == {104 / 1024}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": ["hi", ""]}, "input"),
        ({"input": ["hi", 3]}, "input"),
        ({"input": [True]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [1.5]}, "input"),
        ({"input": {"text": "hi"}}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a"] * (MOST_INPUTS + 1)}, "input"),
        ({"input": [[1]] * (MOST_INPUTS + 1)}, "input"),
        ({"input": ["hi", "a" * (MOST + 1)]}, "input[1]"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 2}, "dimensions"),
        ({"dimensions": 0}, "dimensions"),
        ({"model": 3}, "model"),
        ({"size": 3}, "size"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_holds_nothing(made: Bench, fields: dict[str, Any], param: str) -> None:
    refused = ask(made, **{"given": fields.pop("input", "hi")}, **fields)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert is_free(made)


def test_a_long_input_is_never_cut_but_named_with_the_limit(made: Bench) -> None:
    message = ask(made, ["hi", "a" * 11]).json()["error"]["message"]
    assert "input 1 has 11 tokens" in message
    assert str(MOST) in message


def test_as_many_inputs_as_openai_takes_are_taken(made: Bench) -> None:
    assert len(ask(made, ["a"] * MOST_INPUTS).json()["data"]) == MOST_INPUTS


def test_without_a_model_and_for_any_other_name_there_is_none(bench: Make) -> None:
    made = bench()
    for name in (NAME, "trimtab"):
        missing = ask(made, model=name)
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert NAME not in [row["id"] for row in made.client.get("/v1/models").json()["data"]]
    with_letters(made)
    assert ask(made).status_code == 200
    assert ask(made, model="trimtab").status_code == 404
    assert made.ask(model=NAME).status_code == 404
    assert is_free(made)


def test_a_failure_is_ours_and_says_nothing_of_itself(made: Bench) -> None:
    failed = ask(made, "!")
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert is_free(made)


def test_a_request_takes_its_tenants_tokens_as_counted_and_leaves_no_trace(made: Bench) -> None:
    ask(made, ["hi", "there"])
    ask(made, [1, 2, 3])
    ask(made, "a" * 11)
    door: Any = made.gateway._tenants
    assert door.settled == [7, 3, 0]
    assert [bound.tokens for bound in door.reserved][1] == 3
    assert made.settle() == []
    assert 'trimtab_tokens_total{kind="embedding"} 10' in made.client.get("/metrics").text
    assert 'trimtab_requests_total{route="/v1/embeddings",status="200"' in made.client.get("/metrics").text


def test_keys_models_rates_and_budgets_hold_as_for_chats(bench: Make, tmp_path: Path) -> None:
    office = Office(tmp_path)
    made = with_letters(bench(tenants=office.door, meter=Price(0.25)))
    free, chats = office.key("free"), office.key("chats", models=("trimtab",))
    assert ask(made).status_code == 401

    def listed(key: dict[str, str]) -> set[str]:
        return {row["id"] for row in made.client.get("/v1/models", headers=key).json()["data"]}

    assert NAME in listed(free)
    assert listed(chats) == {"trimtab"}
    assert made.client.get(f"/v1/models/{NAME}", headers=free).json()["id"] == NAME
    never, forbidden = ask(made, headers=free, model="no:such"), ask(made, headers=chats, dimensions=2)
    assert forbidden.json()["error"]["message"].replace(NAME, "no:such") == never.json()["error"]["message"]
    assert (forbidden.status_code, made.client.get(f"/v1/models/{NAME}", headers=chats).status_code) == (404, 404)

    once = office.key("once", requests_per_minute=1, tokens_per_minute=1000)
    first, second = ask(made, headers=once), ask(made, headers=once)
    assert (first.status_code, second.status_code) == (200, 429)
    assert first.headers["x-ratelimit-limit-requests"] == second.headers["x-ratelimit-limit-requests"] == "1"
    assert int(second.headers["retry-after"]) >= 1
    poor = office.key("poor", daily_dollars=0.3)
    answers = [ask(made, headers=poor) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "insufficient_quota"
    assert is_free(made)


def test_it_waits_its_turn_beside_chats_and_is_refused_while_draining(bench: Make, model_of: Any) -> None:
    made = with_letters(bench(config={"max_in_flight": 1, "admission": {"queue": 4, "queue_seconds": 20}}))
    letters: Any = made.gateway.embedder
    letters.gate = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, made)
        _until(lambda: bool(letters.under_way))
        chat, second = pool.submit(made.ask), pool.submit(ask, made)
        _until(lambda: made.gateway.admission.snapshot().queued == 2)
        assert not made.model.seen
        letters.gate.set()
        assert [one.result().status_code for one in (first, chat, second)] == [200, 200, 200]
    assert float(chat.result().headers["x-trimtab-queue-ms"]) > 0
    assert is_free(made)
    made.gateway.admission.drain(0.0)
    assert ask(made).status_code == 503


def test_documents_larger_than_the_engines_cache_are_embedded(bench: Make) -> None:
    made = with_letters(bench(config={"admission": {"kv_tokens": 64}}))
    assert ask(made, [[1] * MOST] * 500).status_code == 200
    assert made.ask("x" * 1000).status_code == 400


def test_a_late_answer_is_a_timeout_that_frees_everything(made: Bench) -> None:
    letters: Any = made.gateway.embedder
    letters.gate = threading.Event()
    late = ask(made, headers={"x-request-timeout-ms": "50"})
    assert (late.status_code, late.json()["error"]["code"]) == (504, "timeout")
    assert late.headers["x-request-id"].startswith("embd-")
    assert letters.under_way[0].cancelled()
    assert is_free(made)
    assert made.gateway._tenants.settled == [2]  # type: ignore[attr-defined]
    letters.gate.set()


def test_a_client_that_leaves_stops_the_work() -> None:
    async def play() -> None:
        gone, stopped = asyncio.Event(), asyncio.Event()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            try:
                gone.set()
                await asyncio.Event().wait()
            finally:
                stopped.set()

        with pytest.raises(Exception, match="left"):
            await while_there(receive, work())
        assert stopped.is_set()

    asyncio.run(play())


def test_the_gateway_closes_it(bench: Make, memory_of: Any) -> None:
    gateway, letters = Gateway(memory_of()), Letters()
    gateway.embedder = letters
    with TestClient(create_app(gateway)):
        assert not letters.closed
    assert letters.closed


def test_the_router_finds_the_product_by_the_models_name(served: Make, memory_of: Any, model_of: Any) -> None:
    products = []
    for name in ("shop", "desk"):
        gateway = Gateway(memory_of(), config=_named(name))
        gateway.set_arms(served(name[0] * 64, model_of()))
        products.append(Product(gateway, create_app(gateway)))
    products[1].gateway.embedder = Letters()
    with TestClient(Router(products)) as client:
        body = {"model": "desk:embeddings", "input": "hi"}
        assert client.post("/v1/embeddings", json=body).json()["model"] == "desk:embeddings"
        assert client.post("/v1/embeddings", json=body | {"model": "shop:embeddings"}).status_code == 404
        names = [row["id"] for row in client.get("/v1/models").json()["data"]]
        assert "desk:embeddings" in names
        assert "shop:embeddings" not in names


def _named(name: str) -> Any:
    from trimtab.serve import ServeConfig

    return ServeConfig(name=name)


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to that")
