"""A candidate that gets copies: the user never waits for it, is never answered by it, and never pays for it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from trimtab.engine.scope import CACHE_SCOPE
from trimtab.records import Trace
from trimtab.serve.tenants import AnyTenant, Bound, Grant, Tenant

Make = Callable[..., Any]
CANARY = "c" * 64


def test_stable_answers_and_the_candidate_gets_a_copy_that_says_whose(stage: Make) -> None:
    here = stage()
    answer = here.made.ask("How are you?", user="bob")
    assert answer.headers["x-trimtab-arm"] == "stable"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello from here."
    (copy,) = here.copied()
    assert (copy.arm, copy.release, copy.shadow_of) == ("shadow", CANARY, answer.json()["id"])
    assert (copy.user, copy.tenant, copy.pinned, copy.error) == ("bob", "", False, "")
    assert copy.turns[-1].content == "Hello, I am new."
    assert copy.prompt == here.made.sink.traces[0].prompt
    assert here.shadow.counts == {"copied": 1}
    assert 'trimtab_shadow_copies_total{fate="copied"} 1' in here.made.client.get("/metrics").text
    assert 'trimtab_answers_total{finish="stop"} 1' in here.made.client.get("/metrics").text, "an answer is a user's"
    streamed = here.made.ask("And you?", stream=True)
    assert "trimtab@aaaaaaaaaaaa" in streamed.text
    assert len(here.copied()) == 2


def test_nobody_can_speak_of_an_answer_that_nobody_saw(stage: Make) -> None:
    kept: dict[str, Trace] = {}
    here = stage(find_trace=kept.get)
    here.made.ask()
    (copy,) = here.copied()
    kept[copy.id] = copy
    said = here.made.client.post("/v1/feedback", json={"trace": copy.id, "thumb": False})
    assert said.status_code == 404
    assert here.made.sink.said == []


@pytest.mark.parametrize("case", ["no share", "pinned", "canary", "failed", "no candidate"])
def test_only_what_stable_answered_by_the_split_is_copied(stage: Make, model_of: Any, case: str) -> None:
    failing = {"model": model_of([ValueError("broken")])} if case == "failed" else {}
    split = {"share": lambda: 1.0} if case == "canary" else {}
    here = stage(share=0.0 if case == "no share" else 1.0, **failing)
    if split:
        here.made.gateway.arms._share = split["share"]
    if case == "no candidate":
        here.made.gateway.set_arms(here.made.gateway.arms.get("stable"))
    here.made.ask(model="trimtab@aaaaaaaa" if case == "pinned" else "trimtab")
    assert here.copied() == []
    assert not here.shadow.counts


def test_a_slow_copy_holds_no_place(stage: Make, model_of: Any) -> None:
    candidate = model_of(["slow answer"], gate=asyncio.Event())
    here = stage(candidate, config={"max_in_flight": 1, "admission": {"min_in_flight": 1, "queue": 0}})
    assert here.made.ask().status_code == 200
    here.until(lambda: candidate.running == 1)
    for _ in range(3):
        assert here.made.ask().status_code == 200, "with one place and no queue, a held place would be a refusal"
    assert candidate.running == 1
    assert here.made.gateway.admission.snapshot().in_flight == 0
    here.on_loop(candidate.gate.set)
    assert len(here.copied()) == 4


def test_a_copy_stops_when_a_request_has_to_wait(stage: Make, model_of: Any) -> None:
    stable, candidate = model_of(["yes"], gate=asyncio.Event()), model_of(["slow"], gate=asyncio.Event())
    here = stage(candidate, model=stable, config={"max_in_flight": 1, "admission": {"min_in_flight": 1}})
    here.on_loop(stable.gate.set)
    here.made.ask()
    here.until(lambda: candidate.running == 1)
    here.on_loop(stable.gate.clear)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(here.made.ask) for _ in range(2)]
        here.until(lambda: here.made.gateway.admission.snapshot().queued == 1)
        here.until(lambda: candidate.cancelled == 1)
        assert here.shadow.counts["preempted"] == 1
        here.on_loop(candidate.gate.set)
        here.on_loop(stable.gate.set)
        assert [answer.result().status_code for answer in answers] == [200, 200]
    assert len(here.copied()) == 2


def test_a_copy_stops_when_a_request_needs_its_engine(stage: Make, model_of: Any) -> None:
    candidate = model_of(["slow", "mine"], gate=asyncio.Event())
    here = stage(candidate)
    here.made.ask()
    here.until(lambda: candidate.running == 1)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(here.made.ask, model=f"trimtab@{CANARY}")
        here.until(lambda: candidate.cancelled == 1)
        here.on_loop(candidate.gate.set)
        assert answer.result().json()["choices"][0]["message"]["content"] == "mine"


@dataclass
class Turnstile:
    """A model each of whose answers is let out by hand."""

    model: Any
    out: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        await self.out.acquire()
        return await self.model(*arguments, **named)


def test_a_copy_begins_only_when_a_place_is_free(stage: Make, model_of: Any) -> None:
    stable = Turnstile(model_of(["yes"]))
    here = stage(model=stable, config={"max_in_flight": 1, "admission": {"min_in_flight": 1}})
    with ThreadPoolExecutor() as pool:
        answers = {pool.submit(here.made.ask) for _ in range(2)}
        here.until(lambda: here.made.gateway.admission.snapshot().queued == 1)
        here.on_loop(stable.out.release)
        here.until(lambda: len(here.shadow._backlog) == 1)
        assert here.made.gateway.admission.snapshot().in_flight == 1
        assert here.candidate.seen == [], "the second request has the only place"
        here.on_loop(stable.out.release)
        assert {answer.result().status_code for answer in answers} == {200}
    assert len(here.copied()) == 2


def test_copies_that_find_no_room_are_dropped_and_counted(stage: Make, model_of: Any) -> None:
    candidate = model_of(["slow"], gate=asyncio.Event())
    here = stage(candidate)
    for _ in range(20):
        assert here.made.ask().status_code == 200
    assert (len(here.shadow._backlog), here.shadow.counts["dropped"]) == (16, 3)
    here.on_loop(candidate.gate.set)
    assert len(here.copied()) == 17
    assert here.shadow.counts == {"copied": 17, "dropped": 3}


def test_a_rolled_back_candidate_closes_when_its_copy_ends_and_gets_no_more(stage: Make, model_of: Any) -> None:
    closed: list[str] = []
    candidate = model_of(["slow"], gate=asyncio.Event())
    here = stage(candidate, {"close": lambda: closed.append("closed")})
    here.made.ask()
    here.made.ask()
    here.until(lambda: candidate.running == 1)
    here.made.gateway.set_arms(here.made.gateway.arms.get("stable"))
    assert closed == []
    here.on_loop(candidate.gate.set)
    assert len(here.copied()) == 1
    assert here.shadow.counts == {"copied": 1, "dropped": 1}
    here.made.gateway.arms.close()
    assert closed == ["closed"]


def test_a_promoted_candidate_gets_no_copies_for_its_engine_is_the_users_now(stage: Make, model_of: Any) -> None:
    candidate = model_of(["slow"], gate=asyncio.Event())
    here = stage(candidate)
    here.made.ask()
    here.made.ask()
    here.until(lambda: candidate.running == 1)
    here.made.gateway.set_arms(here.made.gateway.arms.get("canary"))
    here.on_loop(candidate.gate.set)
    assert len(here.copied()) == 1
    assert here.shadow.counts == {"copied": 1, "dropped": 1}


def test_draining_stops_the_copies(stage: Make, model_of: Any) -> None:
    candidate = model_of(["slow"], gate=asyncio.Event())
    here = stage(candidate)
    here.made.ask()
    here.made.ask()
    here.until(lambda: candidate.running == 1)
    here.on_loop(lambda: here.made.gateway.drain(1.0))
    assert here.copied() == []
    assert here.shadow.counts == {"preempted": 1, "dropped": 1}


def test_a_copy_that_fails_is_a_count(stage: Make, model_of: Any) -> None:
    here = stage(model_of([ValueError("broken")]))
    assert here.made.ask().status_code == 200
    (copy,) = here.copied()
    assert (copy.finish, copy.error) == ("error", "ValueError: broken")
    assert here.shadow.counts == {"failed": 1}


def test_a_copy_is_its_tenants_and_costs_the_tenant_nothing(stage: Make, model_of: Any) -> None:
    class Door(AnyTenant):
        def __init__(self) -> None:
            super().__init__({"key": "acme"}.get)
            self.asked, self.paid = 0, 0

        async def reserve(self, tenant: Tenant, bound: Bound) -> Grant:
            self.asked += 1
            return await super().reserve(tenant, bound)

        def settle(self, grant: Grant, tokens: int | None, dollars: float) -> None:
            self.paid += 1

    scopes: list[str] = []

    class Scoped:
        inner = model_of(["hello"])

        async def __call__(self, *arguments: Any, **named: Any) -> Any:
            scopes.append(CACHE_SCOPE.get())
            return await self.inner(*arguments, **named)

    door = Door()
    here = stage(Scoped(), tenants=door)
    here.made.ask(headers={"authorization": "Bearer key"})
    (copy,) = here.copied()
    assert (copy.tenant, scopes) == ("acme", ["acme"])
    assert (door.asked, door.paid) == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hung_up_is_not_copied(stage: Make, model_of: Any, stream: bool) -> None:
    stable = model_of(["one two"], gate=asyncio.Event())
    here = stage(model=stable)
    body = {"model": "trimtab", "messages": [{"role": "user", "content": "hi"}], "stream": stream}

    async def hang_up() -> None:
        waiting: list[Mapping[str, Any]] = [{"type": "http.request", "body": json.dumps(body).encode()}]

        async def receive() -> Mapping[str, Any]:
            if waiting:
                return waiting.pop()
            while not stable.running:
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            return None

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": [], "query_string": b""}
        await here.made.client.app(scope, receive, send)

    here.on_loop(hang_up)
    assert stable.cancelled == 1
    assert here.copied() == []
    assert not here.shadow.counts
    assert not here.shadow._answered, "nothing is remembered of it"
