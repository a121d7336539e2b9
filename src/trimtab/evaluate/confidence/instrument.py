"""What reads a model's own numbers: its dialect, and its log-probs of given tokens after a given prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trimtab.model import Dialect
from trimtab.records import Case, Message, ToolSchema
from trimtab.tools import with_system

Pair = tuple[Sequence[int], Sequence[int]]
"""(prompt ids, completion ids)."""
Score = Callable[[Sequence[Pair]], list[list[float]]]
"""Log-prob (nats) of each completion token of each pair, given all before it."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One release as something that can be read; ``score`` is None where its engine gives no log-probs of texts."""

    dialect: Dialect
    score: Score | None = None
    system: str = ""
    tools: Sequence[ToolSchema] = ()

    def tools_of(self, case: Case) -> Sequence[ToolSchema]:
        """The tools that the case offers."""
        if case.tools:
            return case.tools
        if case.ask.offer is None:
            return self.tools
        return [tool for tool in self.tools if tool["function"]["name"] in case.ask.offer]

    def answers(self, messages: Sequence[Message], texts: Sequence[str], tools: Sequence[ToolSchema]) -> list[Pair]:
        """The prompt before the assistant's turn, with each text as the beginning of what it says.

        The end of turn is left off, so that "A" and "A because" count alike.
        """
        asked = with_system(messages, self.system)
        prompt = self.dialect.encode(asked, tools, reply=True)

        def said(text: str) -> list[int]:
            return self.dialect.encode((*asked, Message("assistant", text)), tools)[len(prompt) :]

        ending = _shared_ending(said("A"), said("B"))
        return [(prompt, (whole := said(text))[: len(whole) - ending]) for text in texts]


def _shared_ending(a: Sequence[int], b: Sequence[int]) -> int:
    """Tokens that two answers of unlike words end in."""
    pairs = zip(reversed(a), reversed(b), strict=False)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), 0)
