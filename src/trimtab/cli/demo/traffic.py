"""The audience: replayed prompts over HTTP, from users whose feedback depends on the real answers."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from trimtab.cli.demo.stage import Stage
from trimtab.records import Progress
from trimtab.templates import Item, generate, react

_AT_ONCE = 8
_MOST = 3000
_TIMEOUT = 120.0


class Audience:
    """An endless row of users; each request comes from a user of its own, so that events are independent."""

    def __init__(self, call: Callable[[str, Mapping[str, Any]], str], seed: int = 0) -> None:
        self._items = _endless(call, seed)
        self._draw = random.Random(seed)

    def come(self, stage: Stage, progress: Progress, name: str) -> None:
        """Ask, and say what they think, until the canary has its verdict (or too many have come)."""
        progress.start(name)
        asyncio.run(self._come(stage, progress))

    async def _come(self, stage: Stage, progress: Progress) -> None:
        left = iter(range(_MOST))
        async with httpx.AsyncClient(base_url=stage.url, timeout=_TIMEOUT) as client:

            async def visitor() -> None:
                while _watched(stage) and next(left, None) is not None:
                    await self._visit(client, stage.model, next(self._items))
                    progress.advance(1, _note(stage))

            await asyncio.gather(*(visitor() for _ in range(_AT_ONCE)))
            while _watched(stage):
                await asyncio.sleep(0.2)

    async def _visit(self, client: httpx.AsyncClient, model: str, item: Item) -> None:
        messages = [message.to_json(wire=True) for message in item.messages]
        asked = await client.post(
            "/v1/chat/completions", json={"model": model, "messages": messages, "user": item.user}
        )
        if asked.status_code != 200:
            return
        answer = asked.json()
        text = str(answer["choices"][0]["message"]["content"] or "")
        said = react(item, text, (), self._draw)
        if said:
            await client.post("/v1/feedback", json={"trace": answer["id"], "user": item.user, **said})


def _endless(call: Callable[[str, Mapping[str, Any]], str], seed: int) -> Iterator[Item]:
    number = 0
    while True:
        items = list(generate(call, seed=seed, part="traffic").traffic)
        random.Random(seed).shuffle(items)
        for item in items:
            number += 1
            yield replace(item, user=f"{item.user}-{number}")
        seed += 1


def _watched(stage: Stage) -> bool:
    state = stage.live.controller.state
    return state is not None and state.verdict == "running"


def _note(stage: Stage) -> str:
    state = stage.live.controller.state
    if state is None:
        return ""
    return f"canary {state.requests['canary']}, stable {state.requests['stable']} settled"
