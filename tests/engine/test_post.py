"""Calls posted to an event loop from other threads."""

import asyncio
import threading

from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.post import Post


@given(st.lists(st.lists(st.integers(), max_size=5), max_size=5))
def test_each_thread_s_calls_are_made_once_and_in_order(lots: list[list[int]]) -> None:
    taken: list[tuple[int, int]] = []

    async def main() -> None:
        post = Post.of(asyncio.get_running_loop())

        def speak(who: int, values: list[int]) -> None:
            for value in values:
                post.put(taken.append, (who, value))

        threads = [threading.Thread(target=speak, args=each) for each in enumerate(lots)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        await asyncio.sleep(0)

    asyncio.run(main())
    for i, lot in enumerate(lots):
        assert [value for who, value in taken if who == i] == lot


def test_what_comes_together_wakes_the_loop_once() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        post, woken = Post(loop), 0
        plain = loop.call_soon_threadsafe

        def counted(*arguments: object) -> object:
            nonlocal woken
            woken += 1
            return plain(*arguments)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]
        for value in range(10):
            post.put(lambda _: None, value)
        await asyncio.sleep(0)
        return woken

    assert asyncio.run(main()) == 1


def test_a_call_posted_by_a_call_is_made_too() -> None:
    async def main() -> list[int]:
        post, taken = Post.of(asyncio.get_running_loop()), list[int]()
        post.put(lambda value: post.put(taken.append, value + 1), 1)
        await asyncio.sleep(0.01)
        return taken

    assert asyncio.run(main()) == [2]


def test_a_closed_loop_takes_nothing_and_breaks_nobody() -> None:
    loop = asyncio.new_event_loop()
    post = Post(loop)
    loop.close()
    post.put(lambda _: None, 1)
