"""A scene is a conversation with its ideal continuation; every kind of row is a view of scenes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.records import Case, Comparison, Example, Expected, Message, ToolSchema


@dataclass(frozen=True, slots=True)
class Wrong:
    """A tempting bad reply in place of the assistant turn ``turns[turn]``; ``reason`` says what is wrong."""

    reason: str
    turn: int
    reply: Message


@dataclass(frozen=True, slots=True)
class Scene:
    """``messages`` wait for the assistant; ``turns`` are the ideal ones, with what the real tools returned."""

    messages: tuple[Message, ...]
    turns: tuple[Message, ...]
    expected: Expected
    labels: Mapping[str, Any]
    wrongs: tuple[Wrong, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The user's turns, which no two scenes of a part share."""
        return tuple(message.content for message in self.messages if message.role == "user")

    @property
    def answer(self) -> str:
        return self.turns[-1].content


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a simulated user, with what a right answer does and how it reads."""

    user: str
    messages: tuple[Message, ...]
    expected: Expected
    answer: str
    labels: Mapping[str, Any] = field(default_factory=dict)


def as_example(scene: Scene, system: str, tools: Sequence[ToolSchema], salted: bool) -> Example:
    """``salted``: the wrong last turns come along as companions, which SFT never trains on."""
    last = len(scene.turns) - 1
    return Example(
        messages=(*_system(system), *scene.messages, *scene.turns),
        tools=tuple(tools),
        labels=scene.labels,
        provenance=_PROVENANCE,
        rejected=tuple((wrong.reply,) for wrong in scene.wrongs if wrong.turn == last) if salted else (),
    )


def as_comparison(scene: Scene, wrong: Wrong, system: str, tools: Sequence[ToolSchema]) -> Comparison:
    """The ideal turn against the wrong one, after the same history."""
    return Comparison(
        prompt=(*_system(system), *scene.messages, *scene.turns[: wrong.turn]),
        chosen=(scene.turns[wrong.turn],),
        rejected=(wrong.reply,),
        tools=tuple(tools),
        annotators=("generator",),
        reason=wrong.reason,
        labels=scene.labels,
        provenance=_PROVENANCE,
    )


def as_case(scene: Scene, suite: str) -> Case:
    """Without system prompt and tools: the workspace under test brings its own."""
    return Case(messages=scene.messages, expected=scene.expected, labels={"suite": suite, **scene.labels})


def as_item(scene: Scene, user: str) -> Item:
    return Item(user, scene.messages, scene.expected, scene.answer, scene.labels)


def _system(text: str) -> tuple[Message, ...]:
    return (Message("system", text),) if text else ()


_PROVENANCE = {"source": "trimtab.templates/support", "license": "Apache-2.0", "annotator": "generator"}
