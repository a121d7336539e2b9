"""Instruction following that a program can verify, after IFEval (Zhou et al. 2023): strict and loose."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from trimtab.evaluate.checks.exact import accuracy_of
from trimtab.evaluate.checks.rules import keeps
from trimtab.records import Case, UserError
from trimtab.tools import Outcome


def constraints(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: every constraint kept; ``…_instruction_accuracy``: the share kept; each also ``_loose``.

    Loose (section 3.2 of the paper): some of eight readings keeps it, without markdown's asterisks and without the
    first or last line. The share is a case's own, so its mean weighs prompts, not constraints, alike.
    """
    wanted = case.expected.check.get("constraints")
    if not wanted:
        raise UserError("no constraint", field="expected.check.constraints", expected="a list of rules")
    answer = samples[0].raw_answer
    strict = [keeps(answer, one) for one in wanted]
    loose = [kept or kept_loosely(answer, one) for kept, one in zip(strict, wanted, strict=True)]
    name = accuracy_of(case)
    each = name.removesuffix("accuracy") + "instruction_accuracy"
    return {
        name: float(all(strict)),
        f"{name}_loose": float(all(loose)),
        each: sum(strict) / len(strict),
        f"{each}_loose": sum(loose) / len(loose),
    }


def kept_loosely(answer: str, constraint: Mapping[str, Any]) -> bool:
    """Whether some reading of the answer keeps the constraint."""
    return any(keeps(reading, constraint) for reading in readings(answer))


def readings(answer: str) -> list[str]:
    """The eight readings of IFEval's loose accuracy."""
    lines = answer.split("\n")
    cuts = [lines[first : len(lines) - last] for first, last in product((0, 1), (0, 1))]
    plain = ["\n".join(cut).strip() for cut in cuts]
    return [*plain, *(text.replace("*", "") for text in plain)]
