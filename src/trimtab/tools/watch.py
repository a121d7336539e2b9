"""What a plan is given: the chat layer's reply, and the guards' word before, at commit points and after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolSchema, Verdict
from trimtab.tools.toolbox import Tool, ToolContext, error_result

OnText = Callable[[str], None]

BLOCKED = "I cannot answer this here. A person will have to look at it."


class Reply(Protocol):
    """What the chat layer returns for one turn (``engine.Reply`` is one)."""

    @property
    def message(self) -> Message: ...
    @property
    def text(self) -> str: ...
    @property
    def finish(self) -> str: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def token_ids(self) -> Sequence[int]: ...
    @property
    def logprobs(self) -> Sequence[float]: ...
    @property
    def malformed(self) -> bool: ...
    @property
    def error(self) -> str: ...


class ReplyFn(Protocol):
    """``Chat.reply``: one assistant turn."""

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = ...,
        on_text: OnText | None = None,
    ) -> Reply: ...


class Inspected(Protocol):
    """A guard's word before generation; a ``refusal`` is the answer, and nothing is generated."""

    @property
    def messages(self) -> tuple[Message, ...]: ...
    @property
    def verdicts(self) -> tuple[Verdict, ...]: ...
    @property
    def refusal(self) -> str | None: ...


class Judged(Protocol):
    """A guard's word on the finished answer: the text that may leave."""

    @property
    def answer(self) -> str: ...
    @property
    def verdicts(self) -> tuple[Verdict, ...]: ...


ShapeFn = Callable[[Sequence[Message], Sampling], Sampling]


def as_asked(messages: Sequence[Message], sampling: Sampling) -> Sampling:
    """No more than the sampling says."""
    return sampling


class Guards(Protocol):
    """What watches a plan before, at its commit points and after (``guard.PolicyGuards`` is one)."""

    @property
    def buffers(self) -> bool:
        """Whether ``after`` may change the answer: then no text leaves before it has spoken, streamed or not."""

    def before(self, messages: tuple[Message, ...]) -> Inspected: ...

    def wrap(self, tool: Tool) -> Tool: ...

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Judged: ...


@dataclass(frozen=True, slots=True)
class _Inspection:
    messages: tuple[Message, ...]
    verdicts: tuple[Verdict, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class _Judgement:
    answer: str
    verdicts: tuple[Verdict, ...] = ()


class NoGuards:
    """Lets every text pass; irreversible tools stay shut, for nobody watches their commit point."""

    buffers = False

    def before(self, messages: tuple[Message, ...]) -> Inspected:
        return _Inspection(messages)

    def wrap(self, tool: Tool) -> Tool:
        return replace(tool, run=_shut) if tool.irreversible else tool

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Judged:
        return _Judgement(answer)


def _shut(arguments: Any, context: ToolContext) -> str:
    context.report(Verdict("commit", "block", reason="an irreversible tool without a guard"))
    return error_result("not_permitted", "no policy guards this action; tell the user that a person has to do it")


def blocks(judged: Judged) -> bool:
    return any(verdict.ruling == "block" for verdict in judged.verdicts)


def inspect(guards: Guards, messages: tuple[Message, ...]) -> Inspected:
    """The guards' word; guards that cannot answer refuse."""
    try:
        return guards.before(messages)
    except Exception as error:  # the named boundary: fail closed
        return _Inspection(messages, (_failed(error),), refusal=BLOCKED)


def judge(guards: Guards, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Judged:
    try:
        return guards.after(messages, turns, answer)
    except Exception as error:  # the named boundary: fail closed
        return _Judgement(BLOCKED, (_failed(error),))


def _failed(error: Exception) -> Verdict:
    return Verdict("guards", "block", reason=f"could not answer ({type(error).__name__})")
