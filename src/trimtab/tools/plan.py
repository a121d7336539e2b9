"""The bounded plan: reply, run what was called, reply again, and stop; the same in gateway, evaluation and demo."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolCall, ToolSchema, UserError, Verdict
from trimtab.tools.effects import Rehearsal
from trimtab.tools.toolbox import Toolbox, ToolContext, error_result, result_message
from trimtab.tools.watch import (
    Guards,
    NoGuards,
    OnText,
    Reply,
    ReplyFn,
    ShapeFn,
    as_asked,
    blocks,
    inspect,
    judge,
)

PlanFinish = Literal["stop", "length", "steps", "seconds", "tokens", "client_tools", "blocked"]

UNFINISHED = "I could not finish this. Please try again, or ask for a person to look at it."


@dataclass(frozen=True, slots=True)
class Limits:
    """Replies, wall seconds and generated tokens of a whole plan."""

    steps: int = 4
    seconds: float = 60.0
    tokens: int = 384

    def __post_init__(self) -> None:
        if self.steps < 1 or self.seconds <= 0 or self.tokens < 1:
            raise UserError("a plan needs at least one step, one token and some time", field="limits")


@dataclass(frozen=True)
class Assistant:
    """A release as something that answers. ``unfinished`` is said when the plan ends without an answer."""

    reply: ReplyFn
    toolbox: Toolbox = field(default_factory=Toolbox)
    guards: Guards = field(default_factory=NoGuards)
    limits: Limits = Limits()
    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    unfinished: str = UNFINISHED
    shape: ShapeFn = as_asked
    """What each next turn must be, given the conversation so far; may raise Unsupported."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan did. ``turns``: all that it added, the last as it was served; ``raw_answer``: before the guards.

    Tokens are summed over the plan's replies; ``first_token``: seconds to the first text generated.
    """

    turns: tuple[Message, ...]
    answer: str
    raw_answer: str
    finish: PlanFinish
    verdicts: tuple[Verdict, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    first_token: float | None = None

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every call the model made, in order."""
        return tuple(call for turn in self.turns for call in turn.tool_calls)


async def run_plan(
    assistant: Assistant,
    messages: Sequence[Message],
    *,
    user: str = "",
    now: float,
    on_text: OnText | None = None,
    tools: Sequence[ToolSchema] | None = None,
    idempotency: str = "",
    rehearse: bool = False,
) -> Outcome:
    """Answer ``messages`` within the assistant's limits.

    ``tools``: the client's own; only those are offered, and their calls go back to the client (``client_tools``). None
    offers the toolbox. ``on_text`` gets the text as it may leave: at once and as generated where the guards do not
    buffer (with what the model says before a call), else the answer after they have spoken. ``now``: epoch seconds.
    ``idempotency``: the caller's key; effects of two requests with one key happen once. ``rehearse``: effects of this
    plan stay in it and go nowhere else (evaluation).
    Raises UserError when the conversation does not fit the model.
    """
    prompt = with_system(messages, assistant.system)
    inspection = inspect(assistant.guards, prompt)
    plan = _Plan(assistant, inspection.messages, user, now, on_text, tools, idempotency, rehearse)
    plan.verdicts.extend(inspection.verdicts)
    if inspection.refusal is not None:
        return plan.refused(inspection.refusal)
    return plan.outcome(await plan.act())


def with_system(messages: Sequence[Message], system: str) -> tuple[Message, ...]:
    """The conversation with the assistant's system prompt where it carries none."""
    if not system or any(message.role == "system" for message in messages):
        return tuple(messages)
    return (Message("system", system), *messages)


class _Plan:
    """One plan under way: what it has added, spent and heard."""

    def __init__(
        self,
        assistant: Assistant,
        messages: tuple[Message, ...],
        user: str,
        now: float,
        on_text: OnText | None,
        tools: Sequence[ToolSchema] | None,
        idempotency: str,
        rehearse: bool,
    ) -> None:
        self.assistant, self.messages, self.client_tools = assistant, messages, tools
        self.context = ToolContext((), user, now, idempotency, rehearsal=Rehearsal() if rehearse else None)
        self.toolbox = (assistant.toolbox if tools is None else Toolbox()).wrapped(assistant.guards.wrap)
        self.offered = tuple(tools) if tools is not None else self.toolbox.schemas
        self.client_names = frozenset(schema["function"]["name"] for schema in tools or ())
        self.on_text = on_text
        self.turns: list[Message] = []
        self.verdicts: list[Verdict] = []
        self.token_ids: list[int] = []
        self.logprobs: list[float] = []
        self.prompt_tokens, self.mistakes = 0, 0
        self.first_token: float | None = None
        self.started = asyncio.get_running_loop().time()

    async def act(self) -> PlanFinish:
        """Reply and run tools until an answer or a bound; returns which."""
        for step in range(self.assistant.limits.steps):
            tokens_left = self.assistant.limits.tokens - len(self.token_ids)
            if tokens_left <= 0:
                return "tokens"
            if self.seconds_left <= 0:
                return "seconds"
            try:
                async with asyncio.timeout(self.seconds_left) as timer:
                    reply = await self.reply(tokens_left)
            except TimeoutError:
                if not timer.expired():
                    raise
                return "seconds"
            except UserError:
                if not self.turns:
                    raise  # the prompt itself does not fit; later, the tool results were too long
                return "length"
            if finish := self.read(reply, tokens_left):
                return finish
            if self.all_for_client():
                return "client_tools"
            if step + 1 == self.assistant.limits.steps:
                return "steps"
            if finish := await self.run_calls():
                return finish
        raise AssertionError("the last step returns")

    @property
    def seconds_left(self) -> float:
        return self.started + self.assistant.limits.seconds - asyncio.get_running_loop().time()

    async def reply(self, tokens_left: int) -> Reply:
        sampling = self.assistant.sampling
        sampling = replace(sampling, max_tokens=min(sampling.max_tokens, tokens_left))
        messages = (*self.messages, *self.turns)
        return await self.assistant.reply(messages, self.offered, self.assistant.shape(messages, sampling), self.heard)

    def heard(self, text: str) -> None:
        """Text as it is generated: it leaves at once only where no guard has to see the whole."""
        if self.first_token is None:
            self.first_token = asyncio.get_running_loop().time() - self.started
        if self.on_text is not None and not self.assistant.guards.buffers:
            self.on_text(text)

    def read(self, reply: Reply, tokens_left: int) -> PlanFinish | None:
        """Take the reply into account; None where its calls are still to be answered."""
        if reply.finish not in ("stop", "length"):
            raise RuntimeError(f"the engine ended a reply with {reply.finish!r}: {reply.error}")
        self.prompt_tokens += reply.prompt_tokens
        self.token_ids.extend(reply.token_ids)
        self.logprobs.extend(reply.logprobs)
        cut: PlanFinish = "tokens" if len(reply.token_ids) >= tokens_left else "length"
        if reply.malformed and reply.finish == "length":
            return cut
        self.turns.append(Message("assistant", reply.text) if reply.malformed else self.numbered(reply.message))
        if reply.malformed or self.turns[-1].tool_calls:
            return None
        return cut if reply.finish == "length" else "stop"

    def numbered(self, message: Message) -> Message:
        """The turn with an id on every call, unique in the conversation and the same on every run."""
        before = sum(len(turn.tool_calls) for turn in (*self.messages, *self.turns))
        calls = [
            replace(call, id=call.id or f"call_{before + i}") for i, call in enumerate(message.tool_calls, start=1)
        ]
        return replace(message, tool_calls=tuple(calls))

    def all_for_client(self) -> bool:
        calls = self.turns[-1].tool_calls
        return bool(calls) and all(call.name in self.client_names for call in calls)

    async def run_calls(self) -> PlanFinish | None:
        """Answer every call of the last turn; a finish where the plan ends with them."""
        calls = self.turns[-1].tool_calls
        if not calls or any(call.name not in self.toolbox for call in calls):
            self.mistakes += 1
            if self.mistakes > 1:
                self.verdicts.append(Verdict("plan", "block", reason="a second call that cannot be run"))
                return "blocked"
        if not calls:
            self.turns.append(Message("tool", error_result("malformed_call", "the call could not be read; " + _FORM)))
        for call in calls:
            try:
                self.turns.append(await self.run_call(call))
            except TimeoutError:
                return "seconds"
        return None

    async def run_call(self, call: ToolCall) -> Message:
        """One result. A reversible tool is left behind at the time limit; an effect is always waited for."""
        if call.name in self.client_names:
            return result_message(call, error_result("not_run", "another call of this turn was not a known tool"))
        messages = (*self.messages, *self.turns)
        context = replace(self.context, messages=messages, report=self.verdicts.append)
        running = asyncio.to_thread(self.toolbox.run, call, context)
        if (tool := self.toolbox.get(call.name)) is not None and tool.irreversible:
            return await running
        return await asyncio.wait_for(running, self.seconds_left)

    def refused(self, text: str) -> Outcome:
        self.turns.append(Message("assistant", text))
        return self.close(text, "", "blocked")

    def outcome(self, finish: PlanFinish) -> Outcome:
        """The plan's end, its answer judged by the guards."""
        last = self.turns[-1] if self.turns else None
        if finish == "client_tools" and last is not None:
            return self.client_outcome(last)
        answered = finish in ("stop", "length", "tokens") and last is not None and _is_answer(last)
        raw = last.content if answered and last is not None else ""
        judged = judge(self.assistant.guards, self.messages, tuple(self.turns), raw) if answered else None
        answer = judged.answer if judged is not None else self.assistant.unfinished
        if judged is not None and last is not None:
            self.verdicts.extend(judged.verdicts)
            self.turns[-1] = replace(last, content=answer)
            finish = "blocked" if blocks(judged) else finish
        else:
            self.settle()
            self.turns.append(Message("assistant", answer))
        return self.close(answer, raw, finish)

    def settle(self) -> None:
        """Calls that the plan had no room for get an error result, so that the conversation stays whole."""
        calls = [call for turn in self.turns for call in turn.tool_calls]
        answered = {turn.tool_call_id for turn in self.turns if turn.role == "tool"}
        late = error_result("not_run", "the plan ended before this call")
        self.turns.extend(result_message(call, late) for call in calls if call.id not in answered)

    def client_outcome(self, last: Message) -> Outcome:
        """Calls go back to the client; what was said beside them is judged like an answer."""
        if not last.content:
            return self.close("", "", "client_tools")
        judged = judge(self.assistant.guards, self.messages, tuple(self.turns), last.content)
        self.verdicts.extend(judged.verdicts)
        calls = () if blocks(judged) else last.tool_calls
        self.turns[-1] = replace(last, content=judged.answer, tool_calls=calls)
        return self.close(judged.answer, last.content, "blocked" if blocks(judged) else "client_tools")

    def close(self, answer: str, raw: str, finish: PlanFinish) -> Outcome:
        generated = raw and raw == answer and not self.assistant.guards.buffers
        if self.on_text is not None and answer and not generated:
            self.on_text(answer)
        return Outcome(
            turns=tuple(self.turns),
            answer=answer,
            raw_answer=raw,
            finish=finish,
            verdicts=tuple(self.verdicts),
            prompt_tokens=self.prompt_tokens,
            completion_tokens=len(self.token_ids),
            token_ids=tuple(self.token_ids),
            logprobs=tuple(self.logprobs),
            first_token=self.first_token,
        )


_FORM = 'write one JSON object with "name" and "arguments"'


def _is_answer(turn: Message) -> bool:
    return turn.role == "assistant" and not turn.tool_calls
