"""What every kind of scene is made from: the part's shop and wordings, real tools, and one source of chance."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.records import Action, Expected, Message, ToolCall
from trimtab.templates.generator.phrases import Dressed, dress
from trimtab.templates.generator.scene import Scene, Wrong
from trimtab.templates.generator.shop import Shop
from trimtab.templates.generator.split import Part, part_of_amount

Call = Callable[[str, dict[str, Any]], str]
"""Runs a real tool by name and arguments; its result as the model sees it."""


@dataclass(frozen=True, slots=True)
class Stage:
    part: Part
    shop: Shop
    wordings: Mapping[str, Any]
    call: Call
    rng: random.Random

    def dress(self, core: str, *, bare: bool = False) -> Dressed:
        return dress(core, self.wordings, self.rng, bare=bare)

    def pick(self, *path: str) -> str:
        """One wording below ``path``."""
        found: Any = self.wordings
        for key in path:
            found = found[key]
        return str(self.rng.choice(found))

    def amount(self, low: int, high: int) -> str:
        """A sum of money of the part, as people write it: ``18`` or ``24.55``; between whole dollars."""
        while True:
            cents = self.rng.randrange(low, high) * 100 + self.rng.choice((0, 25, 49, 55, 75, 95, 99))
            if part_of_amount(cents) == self.part:
                return str(cents // 100) if cents % 100 == 0 else f"{cents / 100:.2f}"


class Script:
    """The assistant's ideal turns, written by running the tools."""

    def __init__(self, call: Call, made: int = 0) -> None:
        self._call, self._made = call, made
        self.turns: list[Message] = []
        self.calls: list[ToolCall] = []

    def use(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool; both turns are kept, the result is returned."""
        result = self._call(name, arguments)
        identity = f"call_{self._made + len(self.calls) + 1}"
        self.calls.append(ToolCall(name, arguments))
        self.turns.append(Message("assistant", tool_calls=(ToolCall(name, arguments, identity),)))
        self.turns.append(Message("tool", result, tool_call_id=identity, name=name))
        return result

    def say(self, text: str) -> None:
        self.turns.append(Message("assistant", text))

    def scene(
        self,
        asked: str | Sequence[Message],
        action: Action,
        labels: Mapping[str, Any],
        *,
        facts: Sequence[str] = (),
        citations: Sequence[str] = (),
        forbidden: Sequence[str] = (),
    ) -> Scene:
        messages = (Message("user", asked),) if isinstance(asked, str) else tuple(asked)
        expected = Expected(action, tuple(self.calls), tuple(citations), tuple(facts), tuple(forbidden))
        return Scene(messages, tuple(self.turns), expected, {"rule": "", "action": action, **labels})


def call_turn(name: str, arguments: Mapping[str, Any], number: int = 1) -> Message:
    """An assistant turn that calls a tool."""
    return Message("assistant", tool_calls=(ToolCall(name, arguments, f"call_{number}"),))


def said(text: str) -> Message:
    return Message("assistant", text)


def with_wrongs(scene: Scene, wrongs: Sequence[tuple[str, int, Message]]) -> Scene:
    """The scene with ``(reason, turn, reply)`` kept where the reply differs from the ideal one."""
    kept = tuple(Wrong(*wrong) for wrong in wrongs if wrong[2] != scene.turns[wrong[1]])
    return replace(scene, wrongs=kept)


def passages(result: str) -> list[dict[str, str]]:
    """A search's passages."""
    found: list[dict[str, str]] = json.loads(result)
    return found


def error_code(result: str) -> str:
    """The code of an error result; empty where it is none."""
    try:
        value = json.loads(result)
    except ValueError:
        return ""
    if not isinstance(value, dict) or "error" not in value:
        return ""
    return str(value["error"]["code"])
