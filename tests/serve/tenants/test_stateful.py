"""Tenants on gateways that are killed and begin again, in any order: none reads another or takes more than its own."""

import asyncio
import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.serve.conftest import Memory, Spoken, make_served
from tests.serve.tenants.office import Office, Price

from trimtab.records import Message
from trimtab.serve import Gateway, KeyedTenants, create_app
from trimtab.serve.tenants.account import Account
from trimtab.serve.tenants.purse import Purse
from trimtab.serve.tenants.tenant import Tenant

_LIMITS: dict[str, dict[str, Any]] = {
    "acme": {"daily_dollars": 2.5, "requests_per_minute": 7},
    "other": {"monthly_dollars": 3.0, "parallel": 2, "models": ("trimtab", "trimtab@b*")},
    "third": {"requests_per_minute": 3, "tokens_per_minute": 5000, "models": ("trimtab@a*",)},
}
_NAMES = tuple(_LIMITS)
_MODELS = ("trimtab", "trimtab", "trimtab@aaaa", "trimtab@bbbb", "never")
_OWN = {"acme": "trimtab", "other": "trimtab", "third": "trimtab@aaaa"}
_WHO = st.sampled_from(_NAMES)
_PICK = st.integers(0, 20)


class Ask:
    """One raw request of a tenant; what came back is in ``status``, ``headers`` and ``body``."""

    def __init__(self, app: Any, who: str, method: str, path: str, headers: dict[str, str], body: Any = None) -> None:
        self.who, self.status, self.body, self.headers = who, 0, b"", dict[str, str]()
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": b"", "query_string": b"", "headers": raw,
            "http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.task = asyncio.ensure_future(app(scope, self.inbox.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.headers |= {name.decode(): value.decode() for name, value in message.get("headers", ())}
        self.body += message.get("body", b"")


class Teller:
    """A model that repeats what it was told, counts whose money it spends, and fails every seventh time."""

    def __init__(self, spent: Counter[str]) -> None:
        self.spent = spent

    async def __call__(self, messages: Any, tools: Any = (), sampling: Any = None, on_text: Any = None) -> Spoken:
        said = messages[-1].content
        self.spent[said.split()[0]] += 1
        for word in (said, " ", "again"):
            await asyncio.sleep(0)
            if on_text is not None:
                on_text(word)
        if self.spent.total() % 7 == 0:
            raise RuntimeError(said)
        return Spoken(Message("assistant", f"{said} again"), f"{said} again")


class Tenants(RuleBasedStateMachine):
    """Every request costs a dollar; time stands still unless it is moved."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.office = Office(Path(self.folder.name))
        self.keys = {name: self.office.key(name, **limits) for name, limits in _LIMITS.items()}
        self.loop = asyncio.new_event_loop()
        self.spent: Counter[str] = Counter()
        self.lives: list[Memory] = []
        self.asks: list[Ask] = []
        self._start()

    def _start(self) -> None:
        self.door = KeyedTenants(self.office.store.tenants, self.office.store.spending, lambda: self.office.now)
        self.sink = Memory()
        self.lives.append(self.sink)
        self.gateway = Gateway(
            self.sink, tenants=self.door, meter=Price(1.0), clock=lambda: self.office.now, find_trace=self._find
        )
        self.gateway.set_arms(*(make_served(arm * 64, cast(Any, Teller(self.spent))) for arm in "ab"))
        self.app = create_app(self.gateway)

    def _find(self, trace_id: str) -> Any:
        return next((trace for sink in self.lives for trace in sink.traces if trace.id == trace_id), None)

    def _turns(self, count: int) -> None:
        async def turns() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def _send(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Ask:
        async def send() -> Ask:
            return Ask(self.app, who, method, path, {**self.keys[who], **headers}, body)

        return self.loop.run_until_complete(send())

    def _done(self, ask: Ask) -> Ask:
        self.loop.run_until_complete(asyncio.wait_for(ask.task, 5))
        self._private(ask)
        return ask

    @rule(who=_WHO, count=st.integers(1, 5), model=st.sampled_from(_MODELS), stream=st.booleans(), turns=_PICK)
    def ask(self, who: str, count: int, model: str, stream: bool, turns: int) -> None:
        """Most ask for what they may use, several times at once."""
        model = _OWN[who] if model == "trimtab" else model
        said = {"role": "user", "content": f"{who} 4711", "name": "bob"}
        body = {"model": model, "messages": [said], "stream": stream, "max_tokens": 3, "user": "bob"}
        for _ in range(count):
            self.asks.append(self._send(who, "POST", "/v1/chat/completions", body, **{"idempotency-key": "same"}))
        self._turns(turns)

    @rule(pick=_PICK, turns=_PICK)
    def hang_up(self, pick: int, turns: int) -> None:
        if self.asks:
            self.asks[pick % len(self.asks)].inbox.put_nowait({"type": "http.disconnect"})
            self._turns(turns)

    @rule(who=_WHO, pick=_PICK)
    def feedback(self, who: str, pick: int) -> None:
        owners = {trace.id: trace.tenant for sink in self.lives for trace in list(sink.traces)}
        if owners:
            trace = list(owners)[pick % len(owners)]
            body = {"id": "f", "trace": trace, "thumb": False, "comment": who}
            said = self._done(self._send(who, "POST", "/v1/feedback", body))
            assert said.status == (200 if owners[trace] == who else 404)
            never = self._done(self._send(who, "POST", "/v1/feedback", body | {"trace": "chatcmpl-never"}))
            if said.status == 404:
                assert said.body.replace(trace.encode(), b"chatcmpl-never") == never.body

    @rule(who=_WHO, model=st.sampled_from(_MODELS))
    def models(self, who: str, model: str) -> None:
        listed = self._done(self._send(who, "GET", "/v1/models"))
        mine = _LIMITS[who].get("models", ("*",))
        assert all(_matches(row["id"], mine) for row in json.loads(listed.body)["data"])
        one = self._done(self._send(who, "GET", f"/v1/models/{model}"))
        assert one.status == 404 or _matches(model, mine)

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.office.now += seconds

    @rule()
    def tick(self) -> None:
        self.loop.run_until_complete(self.door.flush())

    @rule()
    def kill(self) -> None:
        """What was under way is cut off; nothing is settled or written."""
        self.door.settle = lambda grant, tokens, dollars: None  # type: ignore[method-assign]
        self._stop()
        self._start()

    def _stop(self) -> None:
        for ask in self.asks:
            ask.task.cancel()
        self.loop.run_until_complete(self._ended(raises=False))
        self.loop.run_until_complete(self.gateway.close())
        self.asks = []

    @invariant()
    def nobody_reads_or_spends_what_is_anothers(self) -> None:
        for ask in self.asks:
            self._private(ask)
        for name, limits in _LIMITS.items():
            budget = limits.get("daily_dollars", limits.get("monthly_dollars"))
            assert budget is None or self.spent[name] <= budget + 1.0
        for sink in self.lives:
            for trace in list(sink.traces):
                assert trace.prompt[-1].content == f"{trace.tenant} 4711"
            for said in list(sink.said):
                assert self._find(said.trace).tenant == said.comment

    def _private(self, ask: Ask) -> None:
        everything = ask.body.decode() + json.dumps(ask.headers)
        assert not any(name in everything for name in _NAMES if name != ask.who), everything
        for kind in ("requests", "tokens"):
            limit = _LIMITS[ask.who].get(f"{kind}_per_minute")
            told = ask.headers.get(f"x-ratelimit-limit-{kind}")
            assert told in (None, None if limit is None else str(limit))
            assert told is not None or limit is None or ask.status == 0
            if limit is not None and told is not None:
                assert 0 <= int(ask.headers[f"x-ratelimit-remaining-{kind}"]) <= limit

    @invariant()
    def rates_hold(self) -> None:
        for name, limits in _LIMITS.items():
            times = [
                trace.time for trace in list(self.sink.traces) if trace.tenant == name
            ]  # rates are a gateway's own
            if (limit := limits.get("requests_per_minute")) is not None:
                for start in times:
                    span = [at for at in times if start <= at]
                    assert len(span) <= limit + (max(span) - start) * limit / 60 + 1e-6

    def teardown(self) -> None:
        if not hasattr(self, "office"):
            return

        with contextlib.closing(self.office.store), contextlib.closing(self.loop), self.folder:
            self.loop.run_until_complete(asyncio.wait_for(self._ended(), 5))
            self.nobody_reads_or_spends_what_is_anothers()
            assert (self.gateway.in_flight, sum(self.gateway.arms._leases.values())) == (0, 0)
            snapshot = self.gateway.admission.snapshot()
            assert (snapshot.in_flight, snapshot.queued, snapshot.kv_tokens_held) == (0, 0, 0)
            assert all(not account.under_way for account in self.door._accounts.values())
            self.loop.run_until_complete(self.gateway.close())
            self.rates_hold()  # now every trace is written

    async def _ended(self, *, raises: bool = True) -> None:
        await asyncio.gather(*(ask.task for ask in self.asks), return_exceptions=not raises)


def _matches(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)


_STEPS = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def test_no_order_of_events_lets_a_tenant_read_another_or_take_more_than_its_own() -> None:
    run_state_machine_as_test(Tenants, settings=_STEPS)


async def _everybodys(*_: Any) -> bool:
    return True


_FAULTS: list[tuple[Any, str, Any]] = [
    (Gateway, "knows", _everybodys),
    (Tenant, "may_use", lambda tenant, model: True),
    (Purse, "reserve", lambda purse, dollars: True),
    (Account, "check", lambda account, limits, tokens, now: None),
    (Account, "headers", lambda account, limits, now: {"x-ratelimit-limit-requests": "8"}),
]


def _walk(seed: int) -> None:
    """One random walk through the rules. Without hypothesis: it would play a find again and call it flaky where the
    writing threads run at another speed."""
    draw, machine = Random(seed), Tenants()
    rules: list[Callable[[], Any]] = [
        lambda: machine.ask(
            draw.choice(_NAMES), draw.randint(1, 5), draw.choice(_MODELS), draw.random() < 0.5, draw.randint(0, 20)
        ),
        lambda: machine.hang_up(draw.randint(0, 20), draw.randint(0, 20)),
        lambda: machine.feedback(draw.choice(_NAMES), draw.randint(0, 20)),
        lambda: machine.models(draw.choice(_NAMES), draw.choice(_MODELS)),
        lambda: machine.wait(draw.choice([1.0, 20.0, 61.0])),
        machine.tick,
        machine.kill,
    ]
    machine.begin()
    try:
        for _ in range(25):
            draw.choice(rules)()
            machine.nobody_reads_or_spends_what_is_anothers()
            machine.rates_hold()
    finally:
        machine.teardown()


def _first_find(walks: int) -> AssertionError | None:
    for seed in range(walks):
        try:
            _walk(seed)
        except AssertionError as error:
            return error
    return None


def test_walks_without_a_fault_find_nothing() -> None:
    assert _first_find(10) is None


@pytest.mark.parametrize(("where", "name", "fault"), _FAULTS, ids=[name for _, name, _ in _FAULTS])
def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, fault: Any) -> None:
    monkeypatch.setattr(where, name, fault)
    assert _first_find(200) is not None
