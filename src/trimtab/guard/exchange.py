"""What a guard looks at: the conversation, what the plan added to it, and the answer that wants to leave."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from trimtab.records import Message, Ruling, Verdict


@dataclass(frozen=True, slots=True)
class Inspection:
    """A word before generation: the messages that the model may see, or a ``refusal`` in place of generation."""

    messages: tuple[Message, ...]
    verdicts: tuple[Verdict, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A word after generation: the answer that may leave."""

    answer: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One guard's objection. ``whole``: the answer was replaced by the rule's own text, so nothing is left to judge."""

    answer: str
    ruling: Ruling
    reason: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """``messages`` came in, ``turns`` were added; the last of these holds the answer."""

    messages: tuple[Message, ...]
    turns: tuple[Message, ...]
    answer: str

    def with_answer(self, answer: str) -> "Exchange":
        return replace(self, answer=answer)

    @property
    def final(self) -> bool:
        """Whether this is an answer, not words beside a call that goes back to the client."""
        return not (self.turns and self.turns[-1].tool_calls)

    @property
    def everything(self) -> tuple[Message, ...]:
        return (*self.messages, *self.turns)

    @property
    def given(self) -> tuple[str, ...]:
        """Texts whose values the answer may repeat: system prompt, the user's own words, tool results."""
        return tuple(message.content for message in self.everything if message.role != "assistant")

    @property
    def asked(self) -> str:
        """All that the user has said."""
        return "\n".join(message.content for message in self.messages if message.role == "user")

    @property
    def results(self) -> tuple[Message, ...]:
        """Tool results since the user last spoke."""
        users = [i for i, message in enumerate(self.everything) if message.role == "user"]
        return tuple(message for message in self.everything[users[-1] if users else 0 :] if message.role == "tool")


class BeforeGuard(Protocol):
    @property
    def rule(self) -> str: ...
    def before(self, messages: tuple[Message, ...]) -> Inspection | None:
        """None where there is nothing to say."""


class AfterGuard(Protocol):
    @property
    def rule(self) -> str: ...
    def after(self, exchange: Exchange) -> Change | None:
        """None where the answer may leave as it is."""


def latest_question(messages: tuple[Message, ...]) -> str:
    """What the user has said since the assistant last answered."""
    texts: list[str] = []
    for message in reversed(messages):
        if message.role == "assistant" and not message.tool_calls:
            break
        if message.role == "user":
            texts.append(message.content)
    return "\n".join(reversed(texts))


def passages(messages: tuple[Message, ...]) -> Iterator[Mapping[str, Any]]:
    """Every passage in tool results: items with an id and a text in a JSON list."""
    for message in messages:
        if message.role == "tool" and (found := searched(message)) is not None:
            yield from found


def searched(message: Message) -> list[Mapping[str, Any]] | None:
    """The passages of a search's result (perhaps none); None where the result is no list of passages."""
    rows = parsed(message.content)
    if not isinstance(rows, list):
        return None
    found = [row for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str) and "text" in row]
    return found if len(found) == len(rows) else None


def parsed(text: str) -> Any:
    """JSON, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
