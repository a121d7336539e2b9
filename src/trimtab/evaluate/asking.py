"""One case asked: through the bounded plan as it would be served, turn after turn, sample after sample."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace

from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, Message, ToolSchema
from trimtab.tools import Assistant, Outcome, run_plan

_CUT = frozenset({"length", "tokens", "seconds", "blocked", "client_tools", "steps"})
"""Ends of a turn after which the user's next turn is not sent."""
_NO_LIMIT: AbstractAsyncContextManager[object] = nullcontext()


async def ask_case(
    assistant: Assistant, case: Case, now: float, place: AbstractAsyncContextManager[object] = _NO_LIMIT
) -> Transcript:
    """Every sample of a case, each held by ``place`` while it is asked; ``now`` is the time that tools see.

    Nothing but the question decides what comes: cases that differ in what they expect get one and the same answer.
    Raises what the plan raises.
    """
    asked, tools = _as_asked(assistant, case)

    async def sample(number: int) -> Outcome:
        async with place:
            return await _sample(asked, tools, case, now, number)

    samples = await asyncio.gather(*(sample(number) for number in range(case.ask.samples)))
    return Transcript(samples[0], more=tuple(samples[1:]))


async def _sample(
    assistant: Assistant, tools: Sequence[ToolSchema] | None, case: Case, now: float, number: int
) -> Outcome:
    question = case.question
    seeded = replace(assistant, sampling=replace(assistant.sampling, seed=_seed(assistant, question, number)))
    turns: list[Outcome] = []
    for i, user in enumerate((None, *case.ask.then)):
        said = () if user is None else (Message("user", user),)
        before = tuple(message for turn in turns for message in turn.turns)
        outcome = await run_plan(
            seeded,
            (*case.messages, *before, *said),
            user=question,
            now=now,
            tools=tools,
            idempotency=f"evaluate:{question}:{number}:{i}",
            rehearse=True,
        )
        turns.append(replace(outcome, turns=(*said, *outcome.turns)))
        if outcome.finish in _CUT:
            break
    return _joined(turns)


def _joined(turns: Sequence[Outcome]) -> Outcome:
    """One outcome of several turns: the last answer, with everything that was said, generated and ruled before it."""
    if len(turns) == 1:
        return turns[0]
    return replace(
        turns[-1],
        turns=tuple(message for turn in turns for message in turn.turns),
        verdicts=tuple(verdict for turn in turns for verdict in turn.verdicts),
        prompt_tokens=sum(turn.prompt_tokens for turn in turns),
        completion_tokens=sum(turn.completion_tokens for turn in turns),
        token_ids=tuple(token for turn in turns for token in turn.token_ids),
        logprobs=tuple(logprob for turn in turns for logprob in turn.logprobs),
        first_token=turns[0].first_token,
    )


def _as_asked(assistant: Assistant, case: Case) -> tuple[Assistant, Sequence[ToolSchema] | None]:
    """The assistant as the case asks it, and the client's tools where the case brings some that are not its own."""
    ask, sampling, limits = case.ask, assistant.sampling, assistant.limits
    if ask.temperature is not None:
        sampling = replace(sampling, temperature=ask.temperature)
    if ask.max_tokens is not None:
        sampling = replace(sampling, max_tokens=ask.max_tokens)
        limits = replace(limits, tokens=max(limits.tokens, ask.max_tokens * limits.steps))
    asked = replace(assistant, sampling=sampling, limits=limits)
    if case.tools:
        names = [str(tool["function"]["name"]) for tool in case.tools]
        if any(name not in asked.toolbox for name in names):
            return asked, case.tools
        return replace(asked, toolbox=asked.toolbox.only(names)), None
    if ask.offer is not None:
        return replace(asked, toolbox=asked.toolbox.only(ask.offer)), None
    return asked, None


def _seed(assistant: Assistant, question: str, number: int) -> int | None:
    """A greedy answer needs none; a sample's is its question's and its own, so that an evaluation can be repeated."""
    if assistant.sampling.temperature == 0:
        return assistant.sampling.seed
    base = f"{assistant.sampling.seed or 0}:{question}:{number}"
    return int.from_bytes(hashlib.sha256(base.encode()).digest()[:4], "big") >> 1
