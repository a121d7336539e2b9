"""Arithmetic with one exact answer, asked bare or with the calculator; their difference is what that gives."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from random import Random

from trimtab.evaluate.batteries.drawing import DIFFICULTIES, Draw, draw_distinct
from trimtab.evaluate.batteries.expressions import EXPRESSIONS
from trimtab.evaluate.batteries.problem import Problem
from trimtab.evaluate.batteries.word_problems import WORD_PROBLEMS
from trimtab.records import Ask, Case, Expected, Message, digest

PLAIN, WITH_CALCULATOR = "math", "math_calculator"
_KINDS: tuple[tuple[str, Draw[Problem]], ...] = tuple({**WORD_PROBLEMS, **EXPRESSIONS}.items())
_HOW = "Work it out, then end with a line that reads Answer: and the number."
_TOKENS = 320


def math(count: int, seed: int) -> list[Case]:
    """Word problems and expressions, no tool offered.

    ``labels.problem`` is that of the same problem in ``math_calculator``.
    """
    return _cases(count, seed, ())


def math_calculator(count: int, seed: int) -> list[Case]:
    """The problems of `math` for the same count and seed, with the toolbox's `calculator` offered."""
    return _cases(count, seed, ("calculator",))


def calculator_gain(cases: Mapping[str, Case], scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Case id of ``math_calculator`` -> its score less that of the same problem in ``math``, where both are scored."""
    bare, helped = scores.get(f"{PLAIN}_accuracy", {}), scores.get(f"{WITH_CALCULATOR}_accuracy", {})
    of_problem = {cases[case_id].labels.get("problem"): score for case_id, score in bare.items()}
    return {
        case_id: score - of_problem[problem]
        for case_id, score in helped.items()
        if (problem := cases[case_id].labels.get("problem")) in of_problem
    }


def _cases(count: int, seed: int, offer: tuple[str, ...]) -> list[Case]:
    drawn = draw_distinct(PLAIN, [_checked(draw) for _, draw in _KINDS], count, seed, lambda one: one.text)
    return [
        _case(problem, _KINDS[i % len(_KINDS)][0], DIFFICULTIES[level], offer)
        for i, (level, problem) in enumerate(drawn)
    ]


def _checked(draw: Draw[Problem]) -> Draw[Problem]:
    """Only problems whose answer does not stand among the numbers of the question."""

    def checked(rng: Random, level: int) -> Problem | None:
        problem = draw(rng, level)
        return None if problem is None or _given(problem) else problem

    return checked


def _given(problem: Problem) -> bool:
    numbers = re.findall(r"\d[\d,]*(?:\.\d+)?", problem.text)
    return abs(problem.answer) in {Fraction(number.rstrip(",").replace(",", "")) for number in numbers}


def _case(problem: Problem, template: str, difficulty: str, offer: Sequence[str]) -> Case:
    return Case(
        (Message("user", f"{problem.text} {_HOW}"),),
        Expected("answer", check={"kind": "number", "value": str(problem.answer)}),
        ask=Ask(offer=tuple(offer), temperature=0.0, max_tokens=_TOKENS),
        labels={
            "kind": "math",
            "difficulty": difficulty,
            "cluster": f"{PLAIN}:{template}",
            "problem": digest(problem.text)[:16],
        },
    )
