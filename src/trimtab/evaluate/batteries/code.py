"""Small functions to write, with hidden tests whose values come from a reference solution; judged in the sandbox."""

from collections.abc import Mapping
from random import Random
from typing import Any

from trimtab.evaluate.batteries.code_families import FAMILIES, Family
from trimtab.evaluate.batteries.drawing import DIFFICULTIES, draw_distinct
from trimtab.records import Ask, Case, Expected, Message

SAMPLES = 5
TEMPERATURE = 0.6
_TOKENS = 320
_TESTS = 8


def code(count: int, seed: int) -> list[Case]:
    """Functions to write, five samples each, run in a sandbox (extra `sandbox`); one call is shown, others hidden."""
    drawn = draw_distinct(
        "code", [_drawn(family) for family in FAMILIES], count, seed, lambda one: one.messages[0].content
    )
    return [case for _, case in drawn]


def task(family: Family, rng: Random) -> Case | None:
    """One case of a family; None where the drawn arguments do not tell right from trivial."""
    filled = {name: rng.choice(values) for name, values in family.parameters.items()}
    source = family.source.format(**filled)
    calls = list(dict.fromkeys(f"{family.entry}({family.arguments(rng)})" for _ in range(_TESTS)))
    values = _values(source, calls)
    if len(calls) < _TESTS // 2 or all(value == values[0] for value in values):
        return None
    text = (
        f"Write a Python function {family.signature} that {family.text.format(**filled)} "
        f"For example, {calls[0]} gives {values[0]!r}. Answer with the function in a Python code block."
    )
    check = {"kind": "code", "entry": family.entry, "calls": calls, "values": values, "reference": source}
    return Case(
        (Message("user", text),),
        Expected("answer", check=check),
        ask=Ask(offer=(), samples=SAMPLES, temperature=TEMPERATURE, max_tokens=_TOKENS),
        labels={"kind": "code", "difficulty": DIFFICULTIES[family.level], "cluster": f"code:{family.entry}"},
    )


def _drawn(family: Family) -> Any:
    return lambda rng, level: task(family, rng)


def _values(source: str, calls: list[str]) -> list[Any]:
    """What the reference gives. It is text of this package, never a model's, so it may run here."""
    names: dict[str, Any] = {}
    exec(compile(source, "<reference>", "exec"), names)
    return [_plain(eval(call, names)) for call in calls]


def _plain(value: Any) -> Any:
    """As it will be once the case was written and read again: tuples are lists."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return value
