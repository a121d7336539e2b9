"""What is measured of token streams, and the closed loop that keeps so many of them open."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Prompt = TypeVar("Prompt")


@dataclass(slots=True)
class Stream:
    """One reply as it came: by ``time.perf_counter``, when it was asked for and when tokens were seen."""

    asked: float = field(default_factory=time.perf_counter)
    seen: list[float] = field(default_factory=list)
    tokens: int = 0

    def arrive(self) -> None:
        self.seen.append(time.perf_counter())


def line(streams: Sequence[Stream], began: float, ended: float) -> dict[str, Any]:
    """A step's report. ``first`` and ``gaps``: milliseconds to the first token, and between two."""
    first = [1000 * (stream.seen[0] - stream.asked) for stream in streams if stream.seen]
    gaps = [1000 * (b - a) for stream in streams for a, b in zip(stream.seen, stream.seen[1:], strict=False)]
    return {
        "seconds": ended - began,
        "tokens": sum(stream.tokens for stream in streams),
        "first": [round(each, 2) for each in first],
        "gaps": [round(each, 2) for each in gaps],
    }


async def closed_loop(
    prompts: Sequence[Prompt], streams: int, ask: Callable[[Prompt], Awaitable[Stream]]
) -> dict[str, Any]:
    """All prompts, ``streams`` at a time: each that ends is followed by the next."""
    left = iter(prompts)
    done: list[Stream] = []

    async def one() -> None:
        for prompt in left:
            done.append(await ask(prompt))

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(streams)))
    return line(done, began, time.perf_counter())
