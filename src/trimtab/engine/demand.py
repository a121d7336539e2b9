"""What a caller asks of the next turn, as a constraint in the dialect's own words; refused where it cannot be kept."""

import json
from collections.abc import Sequence

from trimtab.engine.constraint import CallForm, Constraint
from trimtab.engine.core import ANY_TOOL, Caps, Sampling, Unsupported
from trimtab.model.call_forms import call_texts
from trimtab.model.dialect import Dialect
from trimtab.records import ToolSchema, UserError


def constraint_of(dialect: Dialect, tools: Sequence[ToolSchema], sampling: Sampling) -> Constraint | None:
    """The constraint that ``sampling.form`` and ``sampling.call`` mean while ``tools`` are offered; None for none.

    A form holds the answer; while tools are offered the turn may call one or more of them instead. A required call
    leaves no room for an answer. Where nothing else is asked, ``one_call`` needs no constraint: a turn that is ended
    after its first call is what a grammar of one call would have let through. Raises UserError where the tool is not
    offered.
    """
    if sampling.call is not None:
        many = sampling.call == ANY_TOOL and not sampling.one_call
        return Constraint(calls=_calls(dialect, _named(tools, sampling.call)), many=many)
    if sampling.form is not None:
        return Constraint(sampling.form, _calls(dialect, tools), many=not sampling.one_call)
    return None


def check(caps: Caps, constraint: Constraint | None, sampling: Sampling) -> None:
    """Raises Unsupported where an engine of these ``caps`` cannot do what was asked."""
    if constraint is not None and (missing := constraint.needs - caps.constrains):
        field = "tool_choice" if sampling.call is not None else "response_format"
        raise Unsupported(f"the engine {caps.name} cannot constrain {', '.join(sorted(missing))}", field)
    if sampling.top_logprobs is not None and not caps.logprobs:
        raise Unsupported(f"the engine {caps.name} gives no log-probs", "logprobs")
    if (sampling.top_logprobs or 0) > caps.top_logprobs:
        most = f"at most {caps.top_logprobs} alternatives" if caps.top_logprobs else "the sampled token only"
        raise Unsupported(f"the engine {caps.name} gives log-probs of {most}", "top_logprobs")


def _named(tools: Sequence[ToolSchema], name: str) -> Sequence[ToolSchema]:
    chosen = tools if name == ANY_TOOL else [tool for tool in tools if tool["function"]["name"] == name]
    if not chosen:
        raise UserError(f"no tool {name!r} is offered" if tools else "no tool is offered", field="tool_choice")
    return chosen


def _calls(dialect: Dialect, tools: Sequence[ToolSchema]) -> tuple[CallForm, ...]:
    if not tools:
        return ()
    return tuple(CallForm(text.begin, json.dumps(text.schema), text.end) for text in call_texts(dialect, tools))
