"""Ten times the capacity for a minute, in simulated time: what is promised is kept, and all is well soon after."""

from collections import Counter

import pytest
from tests.serve.admission.sim import Seconds, Source, World, line, wall

from trimtab.serve.admission import AdmissionConfig

_CALM = [Source("hog", 2.0), Source("small", 0.5)]
_FLOOD = [Source("hog", 60.0), Source("big", 20.0, prompt=400, completion=200), Source("small", 1.0)]
_TIMEOUT = 20.0


@pytest.fixture(scope="module", params=[line(0.02, 16), wall(0.02, 16)], ids=["line", "wall"])
def world(request: pytest.FixtureRequest) -> World:
    """Twenty calm seconds, sixty of flood, twenty calm again."""
    engine: Seconds = request.param
    made = World(engine, AdmissionConfig(), most=64, noise=0.1, timeout=_TIMEOUT)
    made.run(_CALM, 20.0)
    made.run(_FLOOD, 60.0)
    made.run(_CALM, 20.0)
    return made


def test_the_load_was_ten_times_the_capacity(world: World) -> None:
    capacity = sum(job.ticket.tokens for job in world.done if 20 < job.finished < 80) / 60
    offered = sum(source.rate * (source.prompt + source.completion) for source in _FLOOD)
    assert offered > 10 * capacity


def test_who_was_started_ended_in_time(world: World) -> None:
    assert all(job.finished <= job.ticket.deadline for job in world.done)
    assert max((job.ticket.started or 0) - job.ticket.arrived for job in world.done) <= 2 * world.config.queue_seconds


def test_most_of_those_that_waited_were_served(world: World) -> None:
    assert len(world.late) < 0.1 * len(world.done), "a refusal comes at once, not after the wait"


def test_nobody_is_lost(world: World) -> None:
    under_way = len(world.running) + len(world.waiting)
    assert world.offered == len(world.done) + len(world.late) + len(world.refused) + under_way


def test_refusals_tell_whose_doing_it_is_and_when_to_come_back(world: World) -> None:
    assert all(1 <= refusal.retry_after <= 60 for _, _, refusal in world.refused)
    by_tenant = Counter((tenant, refusal.status) for _, tenant, refusal in world.refused)
    assert by_tenant["hog", 429] > 0
    assert by_tenant["small", 429] == 0


def test_no_tenant_is_below_its_fair_share(world: World) -> None:
    during = [job.ticket for job in world.done if 25 < job.finished < 80]
    tokens = Counter[str]()
    for ticket in during:
        tokens[ticket.tenant] += ticket.tokens
    fair = sum(tokens.values()) / 3
    assert tokens["small"] >= 0.75 * min(fair, 55 * 200), "it asked for less than its share, and has that"
    rest = (sum(tokens.values()) - tokens["small"]) / 2
    assert tokens["hog"] == pytest.approx(rest, rel=0.2)
    assert tokens["big"] == pytest.approx(rest, rel=0.2)


def test_it_has_recovered_five_seconds_after(world: World) -> None:
    after = [job for job in world.done if job.ticket.arrived > 85]
    assert len(after) > 10
    assert max((job.ticket.started or 0) - job.ticket.arrived for job in after) < 0.5
    assert not [when for when, _, _ in world.refused if when > 85]
    assert not [job for job in world.late if job.ticket.arrived > 85]


def test_what_is_kept_is_bounded(world: World) -> None:
    assert world.longest_queue <= world.config.queue
    world.run([], 60.0)
    controller = world.controller
    snapshot = controller.snapshot()
    assert (snapshot.queued, snapshot.queued_tokens, snapshot.in_flight, snapshot.kv_tokens_held) == (0, 0, 0, 0)
    assert len(controller._shares) == 0, "tenants that ask for nothing are forgotten"


def test_without_admission_the_same_flood_misses_its_deadlines() -> None:
    open_door = AdmissionConfig(queue_seconds=1e9, queue=10**9, min_in_flight=64)
    world = World(line(0.02, 16), open_door, most=64, noise=0.1, timeout=1e9)
    world.run(_CALM, 20.0)
    world.run(_FLOOD, 60.0)
    assert any(job.finished - job.ticket.arrived > _TIMEOUT for job in world.done)
