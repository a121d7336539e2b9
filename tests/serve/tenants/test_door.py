"""The gateway behind keys: who gets in, to which models, with which headers, and nobody into another's things."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.serve.conftest import Spoken
from tests.serve.tenants.office import Office, Price

from trimtab.engine.scope import CACHE_SCOPE
from trimtab.records import Message
from trimtab.serve.tenants import hash_of

Make = Callable[..., Any]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.store.close()


def test_without_any_key_the_gateway_is_open_and_the_first_key_closes_it_for_good(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door)
    assert made.ask().status_code == 200
    acme = office.key("acme")
    assert made.ask().status_code == 401
    assert made.ask(headers=acme).status_code == 200
    office.store.tenants.revoke([key.hash for key in office.store.tenants.list_keys()], time=office.now)
    office.door.refresh()
    assert made.ask(headers=acme).status_code == made.ask().status_code == 401


def test_unknown_revoked_and_expired_keys_get_one_and_the_same_answer(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door)
    revoked, expiring = office.key("acme"), office.key("other", expires=2000.0)
    assert made.ask(headers=expiring).status_code == 200
    office.store.tenants.revoke([hash_of(revoked["authorization"][7:])], time=office.now)
    office.door.refresh()
    office.now = 2000.0
    wrong: list[dict[str, str]] = [
        revoked, expiring, {}, {"authorization": "Bearer tt-x"}, {"authorization": "Bearer "},
        {"authorization": revoked["authorization"].replace("Bearer", "Basic")},
    ]  # fmt: skip
    answers = [made.ask(headers=headers) for headers in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"]["code"] == "invalid_api_key"


def test_no_key_is_in_the_store(office: Office) -> None:
    key = office.key("acme")["authorization"][7:]
    assert len(key) == 3 + 43
    files = [path.read_bytes() for path in office.store.folder.glob("store.sqlite*")]
    assert any(hash_of(key).encode() in data for data in files)
    assert not any(key[12:].encode() in data for data in files)


def test_a_model_that_is_not_for_a_tenant_is_as_unknown_as_one_that_never_was(
    bench: Make, office: Office, served: Make, model_of: Any
) -> None:
    made = bench(tenants=office.door)
    made.gateway.set_arms(made.gateway.arms.get("stable"), served("c" * 64, model_of(["canary"])))
    acme, other = office.key("acme", models=["trimtab", "trimtab@aaa*"]), office.key("other", models=["trimtab@ccc*"])

    def names(headers: dict[str, str]) -> list[str]:
        return [row["id"] for row in made.client.get("/v1/models", headers=headers).json()["data"]]

    assert names(acme) == ["trimtab", "trimtab@" + "a" * 12]
    assert names(other) == ["trimtab@" + "c" * 12]
    assert made.ask(model="trimtab", headers=acme).status_code == 200
    assert made.ask(model="trimtab@ccc", headers=other).status_code == 200
    for headers, forbidden in ((acme, "trimtab@ccc"), (other, "trimtab")):
        hidden, unknown = made.ask(model=forbidden, headers=headers), made.ask(model="never", headers=headers)
        assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "model_not_found")
        assert hidden.text == unknown.text.replace("never", forbidden)
    one = made.client.get("/v1/models/trimtab", headers=other)
    assert one.text == made.client.get("/v1/models/never", headers=other).text.replace("never", "trimtab")
    assert sum(made.gateway.arms._leases.values()) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_answers_carry_openais_rate_limit_headers(bench: Make, office: Office, stream: bool) -> None:
    made = bench(tenants=office.door)
    acme = office.key("acme", requests_per_minute=60, tokens_per_minute=6000)
    headers = made.ask(headers=acme, stream=stream, max_tokens=50).headers
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-limit-tokens"]) == ("60", "6000")
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "1s"
    assert 5000 < int(headers["x-ratelimit-remaining-tokens"]) < 5950, "50 tokens an answer and the prompt are reserved"
    later = made.ask(headers=acme, stream=stream, max_tokens=50).headers
    assert int(later["x-ratelimit-remaining-tokens"]) == int(headers["x-ratelimit-remaining-tokens"]) - 10
    bad = made.ask(headers=acme, messages=[])
    assert (bad.status_code, bad.headers["x-ratelimit-remaining-requests"]) == (400, "58")


def test_the_other_routes_tell_the_limits_too_and_take_nothing(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door)
    acme, other = office.key("acme", requests_per_minute=60), office.key("other")
    trace = made.ask(headers=acme).json()["id"]

    def remaining(response: Any, status: int) -> str | None:
        assert response.status_code == status
        return cast(str | None, response.headers.get("x-ratelimit-remaining-requests"))

    for _ in range(2):
        assert remaining(made.client.get("/v1/models", headers=acme), 200) == "59"
        assert remaining(made.client.get("/v1/models/never", headers=acme), 404) == "59"
        for body, status in (({"trace": trace, "thumb": True}, 200), ({"trace": "x", "thumb": True}, 404), ({}, 400)):
            assert remaining(made.client.post("/v1/feedback", json=body, headers=acme), status) == "59"
    assert remaining(made.client.get("/v1/models", headers=other), 200) is None


def test_too_fast_is_a_429_that_says_when_and_time_heals_it(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door)
    acme, other = office.key("acme", requests_per_minute=2), office.key("other")
    assert [made.ask(headers=acme).status_code for _ in range(3)] == [200, 200, 429]
    refused = made.ask(headers=acme)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert (refused.headers["retry-after"], refused.headers["x-ratelimit-remaining-requests"]) == ("30", "0")
    assert made.ask(headers=other).status_code == 200
    office.now += 30
    assert [made.ask(headers=acme).status_code for _ in range(2)] == [200, 429]
    assert (made.gateway.in_flight, sum(made.gateway.arms._leases.values())) == (0, 0)


def test_a_spent_budget_refuses_and_its_spend_is_on_record(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door, meter=Price(0.4))
    acme = office.key("acme", daily_dollars=1.0)
    assert [made.ask(headers=acme).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = made.ask(headers=acme, stream=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert sum(trace.cost for trace in made.settle()) == pytest.approx(1.2)
    asyncio.run(office.door.flush())
    (spend,) = office.store.spending.spent("acme").values()
    assert spend.dollars == pytest.approx(1.2)
    assert (spend.requests, spend.tokens) == (3, 30)


def test_a_store_that_fails_keeps_the_keys_that_were_read(
    office: Office, bench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, acme = bench(tenants=office.door), office.key("acme")

    def broken() -> Any:
        raise OSError("gone")

    async def one_round() -> None:
        monkeypatch.setattr(office.door._keys, "snapshot", broken)
        running = asyncio.ensure_future(office.door.run())
        await asyncio.sleep(0.02)
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(one_round())
    assert (made.ask(headers=acme).status_code, made.ask().status_code) == (200, 401)


def test_a_budget_that_cannot_be_read_lets_nobody_in_and_holds_nothing(office: Office, bench: Make) -> None:
    made, acme, draw = bench(tenants=office.door, meter=Price(0.5)), office.key("acme"), office.store.spending.draw

    def broken(*given: Any, **named: Any) -> Any:
        raise OSError("gone")

    office.store.spending.draw = broken  # type: ignore[method-assign]
    refused = made.ask(headers=acme)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}
    office.store.spending.draw = draw  # type: ignore[method-assign]
    assert made.ask(headers=acme).status_code == 200
    assert made.gateway.in_flight == 0


def test_settings_that_cannot_be_read_lock_their_tenant_out(office: Office, bench: Make) -> None:
    made, acme, other = bench(tenants=office.door), office.key("acme"), office.key("other")
    office.store.tenants.put("acme", {"parallel": -1}, time=0.0)
    office.door.refresh()
    assert (made.ask(headers=acme).status_code, made.ask(headers=other).status_code) == (401, 200)


def test_nobody_can_take_the_id_of_anothers_feedback(bench: Make, office: Office) -> None:
    made = bench(tenants=office.door)
    keys = [office.key("acme"), office.key("other")]
    for headers in keys:
        trace = made.ask(headers=headers).json()["id"]
        said = {"id": "first", "trace": trace, "thumb": False}
        for _ in range(2):
            answer = made.client.post("/v1/feedback", json=said, headers=headers)
            assert (answer.status_code, answer.json()["id"]) == (200, "first")
    assert len(made.sink.said) == 2


def test_each_request_reaches_the_engine_in_its_tenants_cache_scope(bench: Make, office: Office) -> None:
    scopes = []

    class Listening:
        async def __call__(self, *given: Any, **named: Any) -> Spoken:
            scopes.append(CACHE_SCOPE.get())
            return Spoken(Message("assistant", "yes"), "yes")

    made = bench(tenants=office.door, model=Listening())
    for name in ("acme", "other"):
        headers = office.key(name)
        for stream in (False, True):
            made.ask(headers=headers, stream=stream)
    assert scopes == ["acme", "acme", "other", "other"]
