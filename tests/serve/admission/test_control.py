"""One decision: who starts, who waits, who is refused and with which status; nothing is ever held twice or lost."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trimtab.serve.admission import AdmissionConfig, Controller, Ticket


def ticket(tenant: str = "a", tokens: int = 10, *, now: float = 0.0, wait: float = 3.0, left: float = 60.0) -> Ticket:
    return Ticket(tenant, tokens, now, now + min(wait, left), now + left)


def controller(most: int = 2, budget: int = 0, **config: object) -> Controller:
    return Controller(AdmissionConfig.model_validate(config), most, lambda: budget)


def seasoned(control: Controller, *, seconds: float, tokens: int = 10, count: int = 8) -> float:
    """Teach the controller that a request of ``tokens`` takes ``seconds``; returns the time."""
    now = 0.0
    for _ in range(count):
        one = ticket(tokens=tokens, now=now)
        assert control.offer(now, one) is None
        assert control.turn(now).started == (one,)
        now += seconds
        control.end(now, one, work=5.0)
    return now


class Door(RuleBasedStateMachine):
    """Offers, turns, ends, hang-ups and a clock, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.control = controller(most=5, budget=100, queue=8, min_in_flight=2, quantum=20, weights={"b": 2.0})
        self.waiting: list[Ticket] = []
        self.running: list[Ticket] = []

    @rule(tenant=st.sampled_from("abc"), tokens=st.integers(1, 120), wait=st.floats(0.1, 5), left=st.floats(0.1, 20))
    def offer(self, tenant: str, tokens: int, wait: float, left: float) -> None:
        one = ticket(tenant, tokens, now=self.now, wait=wait, left=left)
        refusal = self.control.offer(self.now, one)
        assert (tokens > 100) == (refusal is not None and refusal.status == 400)
        if refusal is None:
            self.waiting.append(one)
        self.turn()

    @rule()
    def turn(self) -> None:
        turn = self.control.turn(self.now)
        for one in turn.started:
            self.waiting.remove(one)
            assert one.last >= self.now
            self.running.append(one)
        for one in turn.late:
            self.waiting.remove(one)
            assert one.last < self.now

    @precondition(lambda self: self.running)
    @rule(data=st.data(), work=st.just(0.0) | st.floats(0.01, 50), lost=st.booleans())
    def end(self, data: st.DataObject, work: float, lost: bool) -> None:
        one = data.draw(st.sampled_from(self.running))
        self.running.remove(one)
        self.control.end(self.now, one, work=work, lost=lost)
        self.control.end(self.now, one, work=work, lost=lost)
        self.turn()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(one)
        assert self.control.give_up(one)
        assert not self.control.give_up(one)
        self.turn()

    @rule(seconds=st.floats(0, 3))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_books_agree(self) -> None:
        snapshot = self.control.snapshot()
        assert (snapshot.queued, snapshot.in_flight) == (len(self.waiting), len(self.running))
        assert snapshot.kv_tokens_held == sum(one.tokens for one in self.running) <= 100
        assert snapshot.queued_tokens == sum(one.tokens for one in self.waiting)
        assert len(self.running) <= 5
        assert len(self.waiting) <= 8
        used = Counter(one.tenant for one in (*self.running, *self.waiting))
        assert len(self.control._shares) == len(used)

    @invariant()
    def whoever_could_start_has_started(self) -> None:
        if self.waiting and self.control._queue.next() is not None:
            first = self.control._queue.next()
            assert first is not None
            held = sum(one.tokens for one in self.running)
            full = len(self.running) >= self.control.limiter.limit or held + first.tokens > 100
            assert full or first.last < self.now


Door.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDoor = Door.TestCase


def test_tokens_are_held_from_start_to_end() -> None:
    control = controller(most=10, budget=100)
    first, second = ticket(tokens=60), ticket(tokens=60)
    assert control.offer(0.0, first) is None
    assert control.offer(0.0, second) is None
    assert control.turn(0.0).started == (first,)
    assert control.snapshot().kv_tokens_held == 60
    control.end(1.0, first)
    assert control.turn(1.0).started == (second,)


def test_a_small_request_does_not_pass_a_large_one_of_its_tenant_for_ever() -> None:
    control = controller(most=10, budget=100)
    running, large, small = ticket(tokens=60), ticket(tokens=90), ticket(tokens=5)
    for one in (running, large, small):
        assert control.offer(0.0, one) is None
    assert control.turn(0.0).started == (running,)
    control.end(1.0, running)
    assert control.turn(1.0).started == (large, small)


def test_what_is_larger_than_the_whole_budget_is_a_400_and_not_a_wait() -> None:
    refusal = controller(budget=100).offer(0.0, ticket(tokens=101))
    assert refusal is not None
    assert (refusal.status, refusal.retry_after) == (400, 0)


def test_one_tenant_cannot_fill_the_queue() -> None:
    control = controller(most=1, queue=10, min_in_flight=1)
    refusals = []
    for _ in range(20):
        refusals.append(control.offer(0.0, ticket("hog")))
        control.turn(0.0)
    assert control.snapshot().queued == 5, "half of what is free, to the last place"
    assert refusals[-1] is not None
    assert refusals[-1].status == 429
    assert control.offer(0.0, ticket("late")) is None, "whoever comes next finds room"


def test_a_full_queue_is_a_503_for_whom_it_is_no_doing_of() -> None:
    control = controller(most=1, queue=1, min_in_flight=1)
    for _ in range(2):
        assert control.offer(0.0, ticket("hog", 500)) is None
        control.turn(0.0)
    refusal = control.offer(0.0, ticket("other"))
    assert refusal is not None
    assert (refusal.reason, refusal.status) == ("queue", 503)


def test_without_a_queue_what_cannot_start_is_refused() -> None:
    control = controller(most=1, queue=0, min_in_flight=1)
    assert control.offer(0.0, ticket()) is None
    control.turn(0.0)
    refusal = control.offer(0.0, ticket())
    assert refusal is not None
    assert refusal.status == 429


def test_a_wait_too_long_is_refused_at_once_with_the_time_to_come_back() -> None:
    control = controller(most=1, min_in_flight=1)
    now = seasoned(control, seconds=2.0)
    assert control.offer(now, ticket(now=now)) is None
    control.turn(now)
    assert control.offer(now, ticket(now=now)) is None, "two seconds of wait are within three"
    refusal = control.offer(now, ticket(now=now))
    assert refusal is not None
    assert (refusal.reason, refusal.status, refusal.retry_after) == ("tenant_wait", 429, 1)
    slow = controller(most=1, min_in_flight=1)
    now = seasoned(slow, seconds=20.0)
    slow.offer(now, ticket("hog", now=now))
    slow.turn(now)
    refusal = slow.offer(now, ticket("other", 1, now=now))
    assert refusal is not None
    assert (refusal.reason, refusal.status, refusal.retry_after) == ("wait", 503, 17), "20 s less the 3 it may wait"


def test_a_deadline_out_of_reach_is_refused_at_once_unless_the_engine_is_idle() -> None:
    control = controller(most=4)
    now = seasoned(control, seconds=5.0)
    assert control.offer(now, ticket(now=now, left=1.0)) is None, "an idle engine tries, and learns"
    control.turn(now)
    refusal = control.offer(now, ticket(now=now, left=1.0))
    assert refusal is not None
    assert (refusal.reason, refusal.status) == ("deadline", 503)
    assert control.offer(now, ticket(now=now, left=30.0)) is None


def test_a_clients_own_short_deadline_does_not_lower_everybodys_limit() -> None:
    control = controller(most=20)
    before = control.limiter.limit
    for patient in (False, True):
        one = ticket()
        one.patient = patient
        control.offer(0.0, one)
        control.turn(0.0)
        control.end(1.0, one, lost=True)
        assert (control.limiter.limit < before) == patient


def test_draining_takes_nobody_and_ends_who_is_there() -> None:
    control = controller(most=1, min_in_flight=1)
    first, second = ticket(), ticket()
    control.offer(0.0, first)
    control.turn(0.0)
    control.offer(0.0, second)
    control.draining = True
    refusal = control.offer(0.0, ticket())
    assert refusal is not None
    assert (refusal.status, refusal.retry_after) == (503, 5)
    control.end(1.0, first)
    assert control.turn(1.0).started == (second,)
    assert control.snapshot().refused == {"draining": 1}


def test_a_weight_gives_its_tenant_that_share_of_the_starts() -> None:
    control = controller(most=1, queue=1000, min_in_flight=1, quantum=10, weights={"gold": 3.0})
    started: Counter[str] = Counter()
    for number in range(200):
        for tenant in ("gold", "plain"):
            control.offer(0.0, ticket(tenant, 10, wait=1e9, left=1e9))
        turn = control.turn(float(number))
        for one in turn.started:
            started[one.tenant] += 1
            control.end(float(number), one)
    assert abs(started["gold"] - 3 * started["plain"]) <= 4
