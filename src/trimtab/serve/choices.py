"""The choices of one request: ``n`` samples side by side, each a plan with a trace, judged for what leaves as what."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.engine.pieces import Piece
from trimtab.serve.body import ChatRequest
from trimtab.serve.exchange import Exchange
from trimtab.tools import Outcome

OnChoiceText = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """One sample. ``refusal``: said in place of an answer in the form that was asked for; ``pieces``: the answer's."""

    index: int
    outcome: Outcome
    refusal: str | None = None
    pieces: tuple[Piece, ...] | None = None


class Choices:
    """What a reply needs of its exchanges: the first one's name and headers, and all of their outcomes."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        first = exchanges[0]
        self.id, self.now, self.model, self.request = first.id, first.now, first.model, first.request
        self.headers, self.overhead, self.settled = first.headers, first.overhead, first.place.settled
        self._exchanges = exchanges

    def __len__(self) -> int:
        return len(self._exchanges)

    async def run(self, on_text: OnChoiceText | None = None) -> tuple[Choice, ...]:
        """Answer, each choice on its own. ``on_text`` hears a choice's text as it may leave; one that fails ends all.

        Raises ApiError; cancelling stops every generation.
        """
        if len(self._exchanges) == 1:  # nothing to run beside it: no task of its own
            try:
                return (await self._one(0, on_text),)
            finally:
                self._exchanges[0].abandon()
        running = [asyncio.ensure_future(self._one(i, on_text)) for i in range(len(self._exchanges))]
        try:
            return tuple(await asyncio.gather(*running))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for exchange in self._exchanges:
                exchange.abandon()

    async def _one(self, index: int, on_text: OnChoiceText | None) -> Choice:
        exchange = self._exchanges[index]

        def heard(text: str) -> None:
            # In a form that was asked for, only what the model generates is the answer; the rest waits for its name.
            if on_text is not None and (exchange.generating or not self.request.formatted):
                on_text(index, text)

        outcome = await exchange.run(heard)
        choice = Choice(index, outcome, _refusal(self.request, outcome), _pieces(self.request, exchange, outcome))
        held = self.request.formatted and choice.refusal is None and not exchange.generated
        if on_text is not None and held and outcome.answer:
            on_text(index, outcome.answer)
        return choice


def choices_of(exchange: Exchange) -> Choices:
    """The request's samples; each has a trace (``id``, ``id-1``, …)."""
    return several(exchange, [seeded(exchange.request, i) for i in range(exchange.request.n)])


def several(exchange: Exchange, requests: Sequence[ChatRequest]) -> Choices:
    """One exchange for each of ``requests``, under one id; only the last to end ends the request."""
    exchange.hold.samples = len(requests)
    if len(requests) == 1 and requests[0] is exchange.request:
        return Choices([exchange])
    ids = [exchange.id, *(f"{exchange.id}-{i}" for i in range(1, len(requests)))]
    return Choices([replace(exchange, id=id, request=one) for id, one in zip(ids, requests, strict=True)])


def seeded(request: ChatRequest, index: int) -> ChatRequest:
    """The request of one sample: the first has the given seed, each other one that follows from it."""
    seed = request.changes.get("seed")
    if seed is None or index == 0:
        return request
    derived = int.from_bytes(hashlib.sha256(f"{seed}\0{index}".encode()).digest()[:8]) >> 1
    return replace(request, changes={**request.changes, "seed": derived})


def _refusal(request: ChatRequest, outcome: Outcome) -> str | None:
    """What was said by a guard or the plan where the client waits for an answer in a form."""
    if not request.formatted or outcome.finish == "client_tools" or outcome.answer == outcome.raw_answer:
        return None
    return None if _is_json(outcome.answer) else outcome.answer


def _is_json(text: str) -> bool:
    """Whether a guard's change (a masked value, say) has left JSON."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _pieces(request: ChatRequest, exchange: Exchange, outcome: Outcome) -> tuple[Piece, ...] | None:
    """The final answer's tokens; None where the answer is not what the model generated."""
    if not request.logprobs or not outcome.raw_answer or outcome.answer != outcome.raw_answer:
        return None
    said: Any = exchange.last_reply
    return getattr(said, "pieces", None)
