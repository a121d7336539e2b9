"""At the event loop: a place is waited for in order, and free again whenever its holder goes, at whatever moment."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from trimtab.serve.admission import Admission, AdmissionConfig, Place
from trimtab.serve.errors import ApiError


def admission(most: int = 1, budget: int = 0, **config: object) -> Admission:
    given = {"min_in_flight": 1} | config
    return Admission(AdmissionConfig.model_validate(given), most, lambda: budget)


def ask(door: Admission, tenant: str = "a", tokens: int = 10, left: float = 60.0) -> Place:
    return door.ask(tenant, tokens, deadline=door.now() + left)


async def serve(place: Place, work: Callable[[], Awaitable[object]]) -> None:
    await place.turn()
    try:
        await work()
    finally:
        place.leave()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def empty(door: Admission) -> bool:
    snapshot = door.snapshot()
    return not (snapshot.queued or snapshot.in_flight or snapshot.kv_tokens_held or door._places)


def test_places_are_given_one_after_the_other_in_order() -> None:
    async def main() -> list[int]:
        door, order = admission(), list[int]()
        gates = [asyncio.Event() for _ in range(3)]

        async def work(number: int) -> None:
            order.append(number)
            await gates[number].wait()

        tasks = [asyncio.ensure_future(serve(ask(door), lambda n=n: work(n))) for n in range(3)]  # type: ignore[misc]
        for number, gate in enumerate(gates):
            await settle()
            assert order == list(range(number + 1))
            gate.set()
        await asyncio.gather(*tasks)
        assert empty(door)
        return order

    assert asyncio.run(main()) == [0, 1, 2]


@pytest.mark.parametrize("patience", range(8))
def test_cancelled_at_any_moment_it_holds_nothing_and_the_next_one_starts(patience: int) -> None:
    async def main() -> None:
        door = admission()
        gate, reached = asyncio.Event(), list[str]()

        async def work(name: str) -> None:
            reached.append(name)
            if name != "next":
                await gate.wait()

        first = asyncio.ensure_future(serve(ask(door), lambda: work("first")))
        second = asyncio.ensure_future(serve(ask(door), lambda: work("second")))
        third = asyncio.ensure_future(serve(ask(door), lambda: work("next")))
        await asyncio.sleep(0)
        for step in range(patience):
            await asyncio.sleep(0)
            if step == 2:
                first.cancel()
        second.cancel()
        await asyncio.wait({second})
        first.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        assert reached[-1] == "next"
        assert empty(door)

    asyncio.run(main())


def test_cancelled_in_the_moment_of_its_turn_it_passes_the_place_on() -> None:
    async def main() -> None:
        door = admission()
        first, second, third = ask(door), ask(door), ask(door)
        waiting = [asyncio.ensure_future(place.turn()) for place in (second, third)]
        await settle()
        first.leave()  # the second's turn has come, but its task has not run yet
        waiting[0].cancel()
        await asyncio.wait(waiting)
        assert waiting[0].cancelled()
        assert waiting[1].exception() is None
        third.leave()
        third.leave()
        assert empty(door)

    asyncio.run(main())


def test_a_place_that_is_never_waited_for_is_free_again() -> None:
    async def main() -> None:
        door = admission()
        first, second = ask(door), ask(door)
        second.leave()
        first.leave()
        assert empty(door)

    asyncio.run(main())


def test_who_waits_too_long_is_told_so_and_is_gone() -> None:
    async def main() -> None:
        door = admission(queue_seconds=0.01)
        holder, waiter = ask(door), ask(door)
        with pytest.raises(ApiError) as caught:
            await waiter.turn()
        assert (caught.value.status, caught.value.code) == (503, "overloaded")
        assert int(caught.value.headers["retry-after"]) >= 1
        assert door.snapshot().queued == 0
        await waiter.settled()
        holder.leave()
        assert empty(door)
        assert door.snapshot().refused == {"wait": 1}

    asyncio.run(main())


def test_a_refusal_is_decided_without_waiting_and_says_what_to_do() -> None:
    async def main() -> None:
        door = admission(budget=100, queue=0)
        with pytest.raises(ApiError) as caught:
            ask(door, tokens=101)
        assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
        assert "retry-after" not in caught.value.headers
        place = ask(door)
        with pytest.raises(ApiError) as caught:
            ask(door)
        assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "1")
        place.leave()
        assert empty(door)

    asyncio.run(main())


def test_draining_refuses_the_new_and_gives_the_waiting_half_the_grace() -> None:
    async def main() -> None:
        door = admission(queue_seconds=60.0)
        holder, lucky, unlucky = ask(door), ask(door), ask(door)
        waiting = [asyncio.ensure_future(place.turn()) for place in (lucky, unlucky)]
        await settle()
        door.drain(0.04)
        with pytest.raises(ApiError) as caught:
            ask(door)
        assert (caught.value.status, caught.value.code) == (503, "draining")
        assert caught.value.headers["retry-after"] == "5"
        holder.leave()
        await settle()
        assert waiting[0].done(), "who waits still gets its turn"
        await asyncio.wait(waiting)
        error = waiting[1].exception()
        assert isinstance(error, ApiError)
        assert error.status == 503
        lucky.leave()
        assert empty(door)

    asyncio.run(main())
