"""Budgets hold: whatever overlaps, fails, is cancelled or killed, at most one request's cost goes beyond them."""

import asyncio
import contextlib
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.tenants.world import MOST, NOON, World, make_world

from trimtab.serve import ApiError
from trimtab.serve.tenants import Bound, Grant, KeyedTenants, Limits, Tenant
from trimtab.serve.tenants.calendar import day_of


async def _step(world: World, kind: str, chance: random.Random) -> None:
    door, name = chance.choice(world.doors), chance.choice(sorted(world.tenants))
    cost = chance.choice([0.0, 0.1, 0.5, MOST])
    if kind == "burst":
        await asyncio.gather(*(world.begin(door, chance.choice(sorted(world.tenants))) for _ in range(6)))
    elif kind == "begin":
        await world.begin(door, name)
    elif kind == "cancel":
        task = asyncio.ensure_future(world.begin(door, name))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    elif kind == "end" and world.under_way:
        world.end(chance.randrange(len(world.under_way)), cost)
    elif kind == "flush":
        await door.flush()
    elif kind == "kill":
        world.kill(door, cost)
        world.open()
    elif kind == "wait":
        world.now += chance.choice([1.0, 61.0, 3 * 3600.0, 11 * 3600.0])


_KINDS = ["burst", "begin", "begin", "cancel", "end", "end", "end", "flush", "kill", "wait"]


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.sampled_from(_KINDS), min_size=10, max_size=60), seed=st.integers(0, 1000))
def test_no_interleaving_overruns_a_budget_by_more_than_one_request(kinds: list[str], seed: int) -> None:
    chance = random.Random(seed)

    async def play(world: World) -> None:
        world.open()
        world.open()
        for kind in kinds:
            await _step(world, kind, chance)
        while world.under_way:
            world.end(0, MOST)
        await _budgets_come_back(world)

    with tempfile.TemporaryDirectory() as folder:
        limits = {"acme": Limits(daily_dollars=3.3, monthly_dollars=5.2), "other": Limits(daily_dollars=2.0)}
        world = make_world(Path(folder), **limits)
        with contextlib.closing(world.store):
            asyncio.run(play(world))


async def _budgets_come_back(world: World) -> None:
    """With nothing under way and everything written, a new month admits a request at once: nothing stays held."""
    for _ in range(2):
        for door in world.doors:
            await door.flush()
    world.now += 61.0
    for door in world.doors:
        await door.flush()
    assert [world.store.spending.held(name) for name in world.tenants] == [0.0, 0.0]
    recorded = {
        name: sum(spend.dollars for spend in world.store.spending.spent(name).values()) for name in world.tenants
    }
    for name in world.tenants:
        true = sum(spent for (owner, days), spent in world.spent.items() if owner == name and len(days) == 7)
        assert recorded[name] >= true - 1e-9, "something that was spent is not on record"
    world.now += 40 * 86400.0
    for name in world.tenants:
        assert await world.begin(world.doors[0], name) is not None


def _scene(tmp_path: Path, play: Any, **limits: Any) -> World:
    world = make_world(tmp_path, acme=Limits(**limits))

    async def main() -> None:
        await play(world, world.open())

    with contextlib.closing(world.store):
        asyncio.run(main())
    return world


def test_a_spent_budget_is_openais_insufficient_quota_until_the_day_ends(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        for _ in range(3):
            await world.begin(door, "acme")
            world.end(0, 1.0)
        with pytest.raises(ApiError) as refused:
            await door.reserve(world.tenants["acme"], Bound(1, MOST))
        error = refused.value
        assert (error.status, error.code) == (429, "insufficient_quota")
        assert error.headers["retry-after"] == str(12 * 3600)
        assert "daily budget of $2.5" in error.message
        world.now += 12 * 3600
        assert await world.begin(door, "acme") is not None

    assert _scene(tmp_path, play, daily_dollars=2.5).spent["acme", day_of(NOON)] == 3.0


def test_what_others_hold_is_a_short_wait_and_no_spent_budget(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        await asyncio.gather(*(world.begin(door, "acme") for _ in range(5)))
        assert (len(world.under_way), world.refused) == (2, ["rate_limit_exceeded"] * 3)
        world.end(0, 0.1)
        assert await world.begin(door, "acme") is not None

    _scene(tmp_path, play, daily_dollars=2.5)


def test_who_waits_for_the_store_behind_another_draws_for_itself_alone(tmp_path: Path) -> None:
    world = make_world(tmp_path, acme=Limits(daily_dollars=0.5), other=Limits())

    async def main() -> None:
        door = world.open()
        await asyncio.gather(world.begin(door, "other"), *(world.begin(door, "acme") for _ in range(4)))
        assert [grant.tenant.name for _, grant in world.under_way] == ["other", "acme"]

    with contextlib.closing(world.store):
        asyncio.run(main())


def test_a_kill_forgets_neither_what_was_settled_nor_what_was_under_way(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        await world.begin(door, "acme")
        await world.begin(door, "acme")
        world.end(0, 1.0)
        world.kill(door, 1.0)
        again = world.open()
        assert await world.begin(again, "acme") is None, "all is held until its owner is known to be dead"
        world.now += 61.0
        await again.flush()
        assert sum(spend.dollars for spend in world.store.spending.spent("acme").values()) == 2.0

    assert _scene(tmp_path, play, daily_dollars=2.0).refused == ["rate_limit_exceeded"]


def test_a_gateway_that_stops_gives_back_all_that_it_held(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        running = asyncio.ensure_future(door.run())
        await world.begin(door, "acme")
        world.end(0, 0.25)
        running.cancel()
        await asyncio.wait({running})
        assert world.store.spending.held("acme") == 0.0
        (spend,) = world.store.spending.spent("acme").values()
        assert (spend.dollars, spend.requests, spend.tokens) == (0.25, 1, 1)

    _scene(tmp_path, play, daily_dollars=100.0)


def test_a_lowered_budget_takes_back_what_was_drawn_under_the_old_one(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        await world.begin(door, "acme")
        world.end(0, 1.0)
        world.tenants["acme"] = lowered = Tenant("acme", limits=Limits(daily_dollars=0.5))
        world.store.tenants.put("acme", lowered.to_json(), time=1.0)
        door.refresh()
        assert await world.begin(door, "acme") is None

    assert _scene(tmp_path, play, daily_dollars=100.0).refused == ["insufficient_quota"]


def test_a_bound_that_was_too_low_is_raised_to_the_dearest_request_so_far(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        first = await door.reserve(world.tenants["acme"], Bound(1, 0.0))
        door.settle(first, 1, 0.75)
        assert (await door.reserve(world.tenants["acme"], Bound(1, 0.0))).bound.dollars == 0.75

    _scene(tmp_path, play)


def test_few_requests_wait_for_the_store(tmp_path: Path) -> None:
    draws = []

    async def play(world: World, door: KeyedTenants) -> None:
        draw = world.store.spending.draw
        world.store.spending.draw = lambda *given, **named: draws.append(1) or draw(*given, **named)  # type: ignore
        for _ in range(50):
            await world.begin(door, "acme")
            world.end(0, 0.01)

    _scene(tmp_path, play, daily_dollars=100.0)
    assert len(draws) == 1


async def _granted(door: KeyedTenants, world: World, *bounds: float) -> int:
    """How many of these are let in at once."""
    asked = [door.reserve(world.tenants["acme"], Bound(1, dollars)) for dollars in bounds]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return sum(isinstance(answer, Grant) for answer in answers)


def test_what_the_last_request_left_over_serves_no_other(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        last = await door.reserve(world.tenants["acme"], Bound(1, 1.0))
        assert last.last
        door.settle(last, 1, 0.2)
        assert await _granted(door, world, 0.5) == 0

    _scene(tmp_path, play, daily_dollars=0.1)


def test_what_a_request_drew_that_was_cancelled_lets_no_two_others_in(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        task = asyncio.ensure_future(door.reserve(world.tenants["acme"], Bound(1, 1.0)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        async with asyncio.timeout(5):
            while world.store.spending.held("acme") == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert await _granted(door, world, 0.5, 0.5) == 1

    _scene(tmp_path, play, daily_dollars=0.1)


def test_what_was_drawn_for_a_day_that_is_over_goes_back(tmp_path: Path) -> None:
    async def play(world: World, door: KeyedTenants) -> None:
        await world.begin(door, "acme")
        world.end(0, 0.5)
        await door.flush()
        assert world.store.spending.held("acme") > 0
        world.now += 86400.0
        for _ in range(2):
            await door.flush()
        assert world.store.spending.held("acme") == 0

    _scene(tmp_path, play, daily_dollars=100.0)
