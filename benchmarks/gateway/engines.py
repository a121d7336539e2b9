"""Engines whose cost is known: one that answers at once, one over HTTP, one that makes so many tokens a second."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.gateway.client import Pool, post
from benchmarks.gateway.workload import ANSWER, COMPLETION_TOKENS, MODEL, PROMPT_TOKENS
from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolSchema

OnText = Callable[[str], None]
_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class Said:
    """What the plan wants of a reply."""

    message: Message
    text: str
    prompt_tokens: int
    token_ids: Sequence[int]
    finish: str = "stop"
    logprobs: Sequence[float] = ()
    malformed: bool = False
    error: str = ""


_SAID = Said(Message("assistant", ANSWER), ANSWER, PROMPT_TOKENS, tuple(range(COMPLETION_TOKENS)))


async def instant(
    messages: Sequence[Message],
    tools: Sequence[ToolSchema] = (),
    sampling: Sampling = _SAMPLING,
    on_text: OnText | None = None,
) -> Said:
    """The answer, at once."""
    if on_text is not None:
        on_text(ANSWER)
    return _SAID


class Forwarding:
    """The answer of a server that speaks OpenAI's API, asked over kept connections."""

    def __init__(self, url: str) -> None:
        self._url, self._pool = f"{url}/v1/chat/completions", Pool(url)

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = _SAMPLING,
        on_text: OnText | None = None,
    ) -> Said:
        rows = [message.to_json(wire=True) for message in messages]
        body = {"model": MODEL, "messages": rows, "tools": list(tools), "max_tokens": sampling.max_tokens}
        answer = await self._pool.answer(post(self._url, body, {}))
        if answer.status != 200:
            raise ConnectionError(f"upstream answered {answer.status}")
        said = json.loads(answer.body)
        text, usage = said["choices"][0]["message"]["content"], said["usage"]
        if on_text is not None:
            on_text(text)
        return Said(Message("assistant", text), text, usage["prompt_tokens"], range(usage["completion_tokens"]))


class Batching:
    """A batching engine: a step gives every running request a token and takes ``step`` seconds, longer beyond
    ``knee`` requests, so that it never makes more than ``knee / step`` tokens a second."""

    def __init__(self, step: float, knee: int, tokens: int) -> None:
        self._step, self._knee, self._tokens = step, knee, tokens
        self._running: dict[asyncio.Future[None], int] = {}
        self._loop: asyncio.Task[None] | None = None

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = _SAMPLING,
        on_text: OnText | None = None,
    ) -> Said:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[done] = self._tokens
        if self._loop is None or self._loop.done():
            self._loop = asyncio.ensure_future(self._steps())
        try:
            await done
        finally:
            self._running.pop(done, None)
        if on_text is not None:
            on_text(ANSWER)
        return Said(Message("assistant", ANSWER), ANSWER, PROMPT_TOKENS, range(self._tokens))

    async def _steps(self) -> None:
        """Step while anybody runs, each step at its own time: a late timer makes the next ones shorter."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._running:
            due = max(due, loop.time() - self._step) + self._step * max(1.0, len(self._running) / self._knee)
            await asyncio.sleep(max(due - loop.time(), 0.0))
            for done, left in list(self._running.items()):
                self._running[done] = left - 1
                if left <= 1 and not done.done():
                    done.set_result(None)
                    self._running.pop(done)
