"""The plan is bounded, fails closed, and lets no text out before its guards have spoken."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolCall, ToolSchema, UserError, Verdict
from trimtab.tools import (
    Assistant,
    Guards,
    Limits,
    NoGuards,
    Outcome,
    Tool,
    Toolbox,
    ToolContext,
    make_schema,
    run_plan,
)
from trimtab.tools.plan import UNFINISHED
from trimtab.tools.watch import BLOCKED

HELLO = (Message("user", "hello"),)
OBJECT = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
CLIENT_TOOL = make_schema("theirs", "the client's", OBJECT)


@dataclass(frozen=True)
class FakeReply:
    message: Message
    text: str
    finish: str = "stop"
    prompt_tokens: int = 10
    token_ids: tuple[int, ...] = (1, 2, 3)
    logprobs: tuple[float, ...] = (-0.1, -0.2, -0.3)
    malformed: bool = False
    error: str = ""


def say(text: str, *, finish: str = "stop", tokens: int = 3) -> FakeReply:
    return FakeReply(Message("assistant", text), text, finish, 10, tuple(range(tokens)), (-0.1,) * tokens)


def call(*names: str, content: str = "", **arguments: object) -> FakeReply:
    calls = tuple(ToolCall(name, arguments or {"x": "1"}) for name in names)
    return FakeReply(Message("assistant", content, calls), "<tool_call>")


def garbled(finish: str = "stop") -> FakeReply:
    return FakeReply(Message("assistant", "<tool_call>{oops"), "<tool_call>{oops", finish, malformed=True)


@dataclass
class Script:
    """A ReplyFn that tells its replies in order and remembers what it was asked."""

    replies: Sequence[FakeReply]
    seconds: float = 0.0
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    offered: list[tuple[ToolSchema, ...]] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> FakeReply:
        await asyncio.sleep(self.seconds)
        reply = self.replies[len(self.asked)]
        self.asked.append(tuple(messages))
        self.offered.append(tuple(tools))
        self.samplings.append(sampling)
        if on_text is not None and not reply.message.tool_calls:
            for part in reply.message.content.partition(" "):
                on_text(part)
        return reply


@dataclass(frozen=True)
class Spoken:
    messages: tuple[Message, ...] = ()
    answer: str = ""
    verdicts: tuple[Verdict, ...] = ()
    refusal: str | None = None


class Strict:
    """Guards that replace an answer holding ``secret`` and refuse a prompt holding ``attack``."""

    buffers = True

    def before(self, messages: tuple[Message, ...]) -> Spoken:
        attack = "attack" in messages[-1].content
        verdict = (Verdict("decline", "block", "R1"),) if attack else ()
        return Spoken(messages, verdicts=verdict, refusal="No." if attack else None)

    def wrap(self, tool: Tool) -> Tool:
        return tool

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Spoken:
        if "secret" in answer:
            return Spoken(answer="[removed]", verdicts=(Verdict("pii", "modify", "R2"),))
        return Spoken(answer=answer)


class Broken(Strict):
    """Guards that cannot answer."""

    def __init__(self, where: str) -> None:
        self.where = where

    def before(self, messages: tuple[Message, ...]) -> Spoken:
        if self.where == "before":
            raise ValueError("oops")
        return super().before(messages)

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Spoken:
        raise ValueError("oops")


def echo(name: str = "echo", *, seconds: float = 0.0, irreversible: bool = False) -> Tool:
    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        time.sleep(seconds)
        return f"echo {arguments['x']}"

    return Tool(make_schema(name, "repeats x", OBJECT), run, irreversible)


def run(
    script: Script,
    *tools: Tool,
    guards: Guards | None = None,
    limits: Limits | None = None,
    messages: tuple[Message, ...] = HELLO,
    sampling: Sampling = Sampling(),  # noqa: B008
    system: str = "",
    **options: Any,
) -> Outcome:
    assistant = Assistant(script, Toolbox(tools), guards or NoGuards(), limits or Limits(), system, sampling)
    return asyncio.run(run_plan(assistant, messages, now=1.0, **options))


def roles(outcome: Outcome) -> list[str]:
    return [turn.role for turn in outcome.turns]


def test_an_answer_ends_the_plan() -> None:
    outcome = run(Script([say("Hi.")]))
    assert (outcome.answer, outcome.raw_answer, outcome.finish) == ("Hi.", "Hi.", "stop")
    assert outcome.turns == (Message("assistant", "Hi."),)
    assert (outcome.prompt_tokens, outcome.completion_tokens, outcome.token_ids) == (10, 3, (0, 1, 2))
    assert outcome.first_token is not None


def test_a_call_is_run_and_its_result_goes_back_to_the_model() -> None:
    script = Script([call("echo", x="a"), say("It said a.")])
    outcome = run(script, echo())
    assert roles(outcome) == ["assistant", "tool", "assistant"]
    assert outcome.turns[1] == Message("tool", "echo a", tool_call_id="call_1", name="echo")
    assert script.asked[1] == (*HELLO, *outcome.turns[:2])
    assert outcome.prompt_tokens == 20
    assert outcome.completion_tokens == len(outcome.token_ids) == len(outcome.logprobs) == 6


def test_call_ids_are_unique_over_the_whole_conversation() -> None:
    earlier = (*HELLO, Message("assistant", "", (ToolCall("echo", {"x": "0"}, "call_1"),)))
    asked = (*earlier, Message("tool", "echo 0", tool_call_id="call_1"))
    outcome = run(Script([call("echo", "echo"), say("done")]), echo(), messages=asked)
    assert [made.id for made in outcome.calls] == ["call_2", "call_3"]
    assert [turn.tool_call_id for turn in outcome.turns if turn.role == "tool"] == ["call_2", "call_3"]


def test_the_system_prompt_is_added_only_where_there_is_none() -> None:
    script = Script([say("a")])
    run(script, system="Be kind.")
    assert script.asked[0][0] == Message("system", "Be kind.")
    theirs = (Message("system", "Be brief."), *HELLO)
    script = Script([say("a")])
    run(script, system="Be kind.", messages=theirs)
    assert script.asked[0] == theirs


def test_steps_are_bounded_and_the_last_calls_are_not_run() -> None:
    ran = []
    tool = replace(echo(), run=lambda arguments, context: ran.append(1) or "ok")  # type: ignore[func-returns-value]
    script = Script([call("echo")] * 9)
    outcome = run(script, tool, limits=Limits(steps=3))
    assert len(script.asked) == 3
    assert len(ran) == 2
    assert (outcome.finish, outcome.answer, outcome.raw_answer) == ("steps", UNFINISHED, "")
    assert "not_run" in outcome.turns[-2].content
    assert {turn.tool_call_id for turn in outcome.turns if turn.role == "tool"} == {made.id for made in outcome.calls}


def test_tokens_are_bounded_over_all_replies() -> None:
    script = Script([call("echo"), call("echo"), say("cut of", finish="length", tokens=2)])
    outcome = run(script, echo(), limits=Limits(tokens=8), sampling=Sampling(max_tokens=6))
    assert [sampling.max_tokens for sampling in script.samplings] == [6, 5, 2]
    assert (outcome.finish, outcome.answer) == ("tokens", "cut of")


def test_no_tokens_left_ends_the_plan_before_another_reply() -> None:
    script = Script([call("echo"), say("never")])
    outcome = run(script, echo(), limits=Limits(tokens=3))
    assert (outcome.finish, outcome.answer, len(script.asked)) == ("tokens", UNFINISHED, 1)


def test_a_reply_at_its_own_limit_ends_as_length() -> None:
    outcome = run(Script([say("cut", finish="length")]), sampling=Sampling(max_tokens=3))
    assert (outcome.finish, outcome.answer) == ("length", "cut")


def test_a_slow_reply_ends_at_the_time_limit() -> None:
    outcome = run(Script([say("late")], seconds=5), limits=Limits(seconds=0.05))
    assert (outcome.finish, outcome.answer) == ("seconds", UNFINISHED)


def test_a_slow_tool_is_left_behind_at_the_time_limit() -> None:
    outcome = run(Script([call("echo"), say("late")]), echo(seconds=0.3), limits=Limits(seconds=0.1))
    assert outcome.finish == "seconds"
    assert "not_run" in outcome.turns[1].content


def test_an_irreversible_tool_is_waited_for() -> None:
    class Trusting(Strict):
        pass

    tool = echo(seconds=0.3, irreversible=True)
    outcome = run(Script([call("echo"), say("late")]), tool, guards=Trusting(), limits=Limits(seconds=0.1))
    assert outcome.turns[1].content == "echo 1"
    assert outcome.finish == "seconds"


def test_tools_run_beside_the_event_loop() -> None:
    threads = []
    tool = replace(echo(), run=lambda a, c: threads.append(threading.current_thread()) or "ok")  # type: ignore[func-returns-value]
    run(Script([call("echo"), say("a")]), tool)
    assert threads[0] is not threading.main_thread()


def test_no_guards_keep_irreversible_tools_shut() -> None:
    outcome = run(Script([call("echo"), say("a")]), echo(irreversible=True))
    assert json.loads(outcome.turns[1].content)["error"]["code"] == "not_permitted"
    assert outcome.verdicts[0].ruling == "block"


@pytest.mark.parametrize("wrong", [garbled(), call("missing")], ids=["malformed", "unknown"])
def test_a_call_that_cannot_be_run_is_told_once(wrong: FakeReply) -> None:
    outcome = run(Script([wrong, say("sorry")]), echo())
    assert roles(outcome) == ["assistant", "tool", "assistant"]
    assert "error" in json.loads(outcome.turns[1].content)
    assert (outcome.finish, outcome.answer) == ("stop", "sorry")


@pytest.mark.parametrize("wrong", [garbled(), call("missing")], ids=["malformed", "unknown"])
def test_the_second_call_that_cannot_be_run_ends_the_plan(wrong: FakeReply) -> None:
    outcome = run(Script([garbled(), wrong, say("never")]), echo())
    assert (outcome.finish, outcome.answer) == ("blocked", UNFINISHED)
    assert outcome.verdicts[-1].guard == "plan"


def test_beside_a_garbled_call_no_other_is_run() -> None:
    half = FakeReply(Message("assistant", "{oops", (ToolCall("echo", {"x": "1"}),)), "{oops <call>", malformed=True)
    outcome = run(Script([half, say("sorry")]), echo())
    assert outcome.calls == ()
    assert json.loads(outcome.turns[1].content)["error"]["code"] == "malformed_call"


def test_a_call_cut_off_by_the_limit_is_not_an_answer() -> None:
    outcome = run(Script([garbled("length")]), echo())
    assert (outcome.finish, outcome.answer) == ("length", UNFINISHED)
    assert "oops" not in outcome.answer


def test_a_client_with_tools_gets_its_calls_back() -> None:
    script = Script([call("theirs", content="One moment.")])
    outcome = run(script, echo(), tools=(CLIENT_TOOL,), limits=Limits(steps=1))
    assert script.offered == [(CLIENT_TOOL,)]
    assert outcome.finish == "client_tools"
    assert outcome.turns[-1].tool_calls == (ToolCall("theirs", {"x": "1"}, "call_1"),)
    assert outcome.answer == "One moment."


def test_a_client_tool_with_the_name_of_ours_is_the_client_s() -> None:
    theirs = make_schema("echo", "the client's", OBJECT)
    outcome = run(Script([call("echo")]), echo(), tools=(theirs,))
    assert outcome.finish == "client_tools"
    assert roles(outcome) == ["assistant"]


def test_our_tools_are_not_run_where_the_client_brings_its_own() -> None:
    outcome = run(Script([call("echo", "theirs"), say("ok")]), echo(), tools=(CLIENT_TOOL,))
    codes = [json.loads(turn.content)["error"]["code"] for turn in outcome.turns if turn.role == "tool"]
    assert codes == ["unknown_tool", "not_run"]


def test_it_answers_a_conversation_that_ends_in_a_tool_result() -> None:
    asked = (
        *HELLO,
        Message("assistant", "", (ToolCall("theirs", {}, "call_1"),)),
        Message("tool", "42", tool_call_id="call_1"),
    )
    script = Script([say("It is 42.")])
    assert run(script, messages=asked, tools=(CLIENT_TOOL,)).answer == "It is 42."
    assert script.asked[0] == asked


def test_a_refusal_needs_no_generation() -> None:
    script = Script([])
    heard: list[str] = []
    outcome = run(script, guards=Strict(), messages=(Message("user", "attack"),), on_text=heard.append)
    assert (outcome.answer, outcome.finish, script.asked) == ("No.", "blocked", [])
    assert outcome.turns == (Message("assistant", "No."),)
    assert heard == ["No."]
    assert outcome.verdicts == (Verdict("decline", "block", "R1"),)


def test_buffering_guards_let_out_nothing_but_what_they_passed() -> None:
    heard: list[str] = []
    outcome = run(Script([say("the secret word")]), guards=Strict(), on_text=heard.append)
    assert heard == ["[removed]"]
    assert (outcome.answer, outcome.raw_answer) == ("[removed]", "the secret word")
    assert outcome.turns[-1].content == "[removed]"
    assert outcome.finish == "stop"


def test_without_guards_text_streams_as_it_is_generated() -> None:
    heard: list[str] = []
    run(Script([say("two words")]), on_text=heard.append)
    assert heard == ["two", " ", "words"]


def test_what_is_said_instead_of_an_answer_is_streamed_too() -> None:
    heard: list[str] = []
    run(Script([call("echo")] * 2), echo(), limits=Limits(steps=1), on_text=heard.append)
    assert heard == [UNFINISHED]


@pytest.mark.parametrize("where", ["before", "after"])
def test_guards_that_break_let_nothing_out(where: str) -> None:
    heard: list[str] = []
    outcome = run(Script([say("the secret word")]), guards=Broken(where), on_text=heard.append)
    assert (outcome.answer, outcome.finish) == (BLOCKED, "blocked")
    assert heard == [BLOCKED]
    assert "ValueError" in outcome.verdicts[0].reason


def test_an_engine_that_fails_is_not_an_answer() -> None:
    with pytest.raises(RuntimeError, match="cancelled"):
        run(Script([say("half", finish="cancelled")]))


def test_a_prompt_that_does_not_fit_is_the_user_s_mistake_and_a_result_that_does_not_fit_is_not() -> None:
    async def too_long(
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> FakeReply:
        if len(messages) == 1 and messages[0].content == "hello":
            return call("echo")
        raise UserError("the conversation is too long")

    async def plan(messages: tuple[Message, ...]) -> Outcome:
        return await run_plan(Assistant(too_long, Toolbox([echo()])), messages, now=1.0)

    with pytest.raises(UserError):
        asyncio.run(plan((Message("user", "long"),)))
    outcome = asyncio.run(plan(HELLO))
    assert (outcome.finish, outcome.answer) == ("length", UNFINISHED)


def test_cancelling_the_plan_cancels_the_reply() -> None:
    async def scenario() -> None:
        plan = asyncio.create_task(run_plan(Assistant(Script([say("late")], seconds=5)), HELLO, now=1.0))
        await asyncio.sleep(0.01)
        plan.cancel()
        with pytest.raises(asyncio.CancelledError):
            await plan

    asyncio.run(scenario())


def test_limits_that_allow_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="at least one step"):
        Limits(steps=0)


def test_every_rehearsed_plan_has_effects_of_its_own() -> None:
    seen = []

    def pays(arguments: Mapping[str, Any], context: ToolContext) -> str:
        assert context.rehearsal is not None
        seen.append((context.rehearsal.add("refund", "k", {}), context.idempotency))
        return "ok"

    tool = replace(echo(), run=pays)
    for _ in range(2):
        run(Script([call("echo"), call("echo"), say("done")]), tool, rehearse=True, idempotency="r1")
    assert seen == [(True, "r1"), (False, "r1")] * 2
