"""A gateway with a candidate beside its stable release, all of whose requests are copied."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trimtab.records import Trace

Make = Callable[..., Any]
CANARY = "c" * 64


@dataclass
class Stage:
    """A gateway with a candidate beside its stable release, all of whose requests are copied."""

    made: Any
    candidate: Any

    @property
    def shadow(self) -> Any:
        return self.made.gateway.shadow

    def on_loop(self, step: Callable[..., Any]) -> Any:
        return self.made.client.portal.call(step)

    def copied(self) -> list[Trace]:
        """The copies' traces, once none is under way."""

        async def idle() -> None:
            while self.shadow._running is not None:
                await asyncio.wait({self.shadow._running})
                await asyncio.sleep(0)

        self.on_loop(idle)
        return [trace for trace in self.made.settle() if trace.arm == "shadow"]

    def until(self, condition: Callable[[], bool]) -> None:
        async def turn() -> None:
            for _ in range(100_000):
                if condition():
                    return
                await asyncio.sleep(0)
            raise AssertionError("it never came to that")

        self.on_loop(turn)


@pytest.fixture
def stage(bench: Make, served: Make, model_of: Any) -> Make:
    """``stage(candidate=Model, canary={…}, share=1.0, …)``; the rest goes to the bench."""

    def make(candidate: Any = None, canary: Any = None, share: float = 1.0, **fields: Any) -> Stage:
        candidate = candidate or model_of(["Hello, I am new."])
        made = bench(shadow=lambda: share, **fields)
        stable = made.gateway.arms.get("stable")
        made.gateway.set_arms(stable, served(CANARY, candidate, **(canary or {})))
        return Stage(made, candidate)

    return make
