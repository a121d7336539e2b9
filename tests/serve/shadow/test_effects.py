"""What a copy may do in the world: nothing, whatever the candidate calls and whatever a tool claims."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.records import ToolCall, Trace
from trimtab.serve.shadow import copy as copying
from trimtab.tools import NoGuards, Tool, Toolbox, ToolContext, make_schema
from trimtab.tools.effects import Rehearsal

Make = Callable[..., Any]
_REFUND = make_schema("refund", "Pay back.", {"type": "object", "properties": {"amount": {"type": "number"}}})


class Trusting(NoGuards):
    """Opens irreversible tools, as a commit point that finds its evidence does."""

    def wrap(self, tool: Tool) -> Tool:
        return tool


@dataclass
class Book:
    """A refund tool that writes where it always wrote: it does not know of rehearsals."""

    irreversible: bool = True
    rows: Rehearsal = field(default_factory=Rehearsal)

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        book = self.rows if self.irreversible or context.rehearsal is None else context.rehearsal
        number = len(self.rows.list("refund"))
        book.add("refund", f"{number}", {"amount": arguments["amount"]})
        return json.dumps({"refunded": arguments["amount"], "number": number})

    @property
    def toolbox(self) -> Toolbox:
        return Toolbox([Tool(_REFUND, self.run, irreversible=self.irreversible)])

    @property
    def amounts(self) -> list[float]:
        return [row["amount"] for row in self.rows.list("refund")]


def _refunding(stage: Make, model_of: Any, stable: float, candidate: float, **book: Any) -> tuple[Any, Book]:
    written = Book(**book)
    arm = {"toolbox": written.toolbox, "guards": Trusting()}
    said = [[ToolCall("refund", {"amount": amount}), "Done."] for amount in (stable, candidate)]
    return stage(model_of(said[1]), arm, model=model_of(said[0]), **arm), written


def _result(trace: Trace) -> Any:
    return json.loads(next(turn.content for turn in trace.turns if turn.role == "tool"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stable=st.integers(1, 3), candidate=st.integers(1, 3))
def test_an_effect_happens_once_and_only_as_stable_said(
    stage: Make, model_of: Any, stable: float, candidate: float
) -> None:
    here, book = _refunding(stage, model_of, stable, candidate)
    here.made.ask("Pay me back.")
    (copy,) = here.copied()
    assert book.amounts == [stable]
    if candidate == stable:
        assert _result(copy) == {"refunded": stable, "number": 0}, "the recorded result"
    else:
        assert _result(copy)["error"]["code"] == "not_permitted"
    assert copy.turns[-1].content == "Done."


def test_without_the_barrier_the_effect_would_happen_twice(
    stage: Make, model_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above fails where the barrier is taken away."""
    monkeypatch.setattr(copying, "effectless", lambda toolbox, turns, caught: toolbox)
    here, book = _refunding(stage, model_of, 5, 7)
    here.made.ask("Pay me back.")
    here.copied()
    assert book.amounts == [5, 7]


def test_a_planted_effect_of_a_tool_that_claims_none_is_refused_and_told(stage: Make, model_of: Any) -> None:
    here, book = _refunding(stage, model_of, 5, 7, irreversible=False)
    here.made.ask("Pay me back.")
    (copy,) = here.copied()
    assert book.amounts == [5]
    assert copy.error == "tried an effect: refund"
    assert here.shadow.counts == {"caught": 1}
