"""Servers for clients to try: a real tiny engine, a model that does as told, tenants with limits, one that drains."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serve.conftest import Memory, Spoken, make_served
from tests.serve.tenants.office import Office, Price
from tests.serve.test_client import Site

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolCall, ToolSchema
from trimtab.serve import Gateway, Served


class Told:
    """Does what the last message says: calls the weather, fails, is slow; else it says hello."""

    def __init__(self) -> None:
        self.running = self.cancelled = 0

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> Spoken:
        self.running += 1
        try:
            return await self._say(messages[-1], on_text)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _say(self, last: Message, on_text: Callable[[str], None] | None) -> Spoken:
        if last.content == "weather":
            return Spoken(Message("assistant", tool_calls=(ToolCall("weather", {"city": "Oslo"}),)), "")
        if last.content == "fail":
            raise RuntimeError("a secret of the server's")
        text = f"It is {last.content}." if last.role == "tool" else "Hello from here."
        for word in ["slow"] * 500 if last.content == "slow" else [text]:
            await asyncio.sleep(0.01 if last.content == "slow" else 0)
            if on_text is not None:
                on_text(word)
        return Spoken(Message("assistant", text), text)


@dataclass(frozen=True)
class Sites:
    """``told`` and ``real`` take ``key-1``; ``keyed`` takes what ``keys`` names: slow (one request a minute), narrow
    (models called other-*), broke (a budget of nothing); ``draining`` takes nobody."""

    told: Site
    real: Site
    keyed: Site
    draining: Site
    keys: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        names = ("told", "real", "keyed", "draining")
        return {**{name: f"{getattr(self, name).url}/v1" for name in names}, "keys": dict(self.keys)}


@contextmanager
def open_sites(folder: Path, real: Served) -> Iterator[Sites]:
    """Four servers on the loopback, ended with the block."""
    office = Office(folder)
    limits: dict[str, dict[str, Any]] = {
        "slow": {"requests_per_minute": 1},
        "narrow": {"models": ("other-*",)},
        "broke": {"daily_dollars": 0.0},
    }
    keys = {
        name: office.key(name, **fields)["authorization"].removeprefix("Bearer ") for name, fields in limits.items()
    }

    def site(stable: Served | None, tenants: Any, model: Any = None) -> Site:
        sink = Memory()
        gateway = Gateway(sink, tenants=tenants, meter=Price(0.01))
        gateway.set_arms(stable or make_served("a" * 64, model))
        return Site(gateway, model, sink)

    with ExitStack() as stack:
        stack.enter_context(closing(office.store))

        def opened(*args: Any) -> Site:
            made = site(*args)
            stack.callback(made.stop)
            return made

        one = {"key-1": "acme"}.get
        sites = Sites(
            told=opened(None, one, Told()),
            real=opened(real, one),
            keyed=opened(None, office.door, Told()),
            draining=opened(None, one, Told()),
            keys=keys,
        )
        sites.draining.gateway.admission.drain(0.0)
        yield sites
