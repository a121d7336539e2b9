"""Exact answers: the last number that an answer gives, the option it chooses, the text it says."""

import re
from collections.abc import Sequence
from fractions import Fraction

from trimtab.evaluate.checks.numbers import said_numbers
from trimtab.records import Case
from trimtab.text import normalise
from trimtab.tools import Outcome

_OPTION = re.compile(r"(?:^|answer(?: is)?:?\s*|option\s*|\()\(?([A-J])\)?(?=[\s).:,]|$)")


def number(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: whether the number marked as the answer, else the last one said, equals ``value``.

    Compared as exact fractions, so 0.50 is 1/2 and 1,000 is 1000 (``said_numbers``); ``tolerance`` (absolute) loosens
    it.
    """
    wanted = Fraction(str(case.expected.check["value"]).replace(",", ""))
    slack = Fraction(str(case.expected.check.get("tolerance", 0)))
    said = said_numbers(samples[0].raw_answer)
    return {accuracy_of(case): float(any(abs(one - wanted) <= slack for one in said))}


def choice(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: whether the option's letter is ``letter``, or its text alone is the answer.

    ``options``: the texts, A first.
    """
    check, answer = case.expected.check, samples[0].raw_answer
    found = _OPTION.search(answer.strip())
    right = str(check["options"][ord(str(check["letter"])) - ord("A")])
    by_text = normalise(answer) == normalise(right)
    return {accuracy_of(case): float(by_text or (found is not None and found[1] == check["letter"]))}


def text(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: whether the answer has one of ``any`` word for word (in normal form)."""
    answer = f" {normalise(samples[0].raw_answer)} "
    return {accuracy_of(case): float(any(f" {normalise(str(one))} " in answer for one in case.expected.check["any"]))}


def accuracy_of(case: Case) -> str:
    """The metric of a case's battery: ``math_accuracy`` and its like."""
    return f"{case.labels.get('battery', 'answer')}_accuracy"


def choice_span(answer: str) -> tuple[int, int] | None:
    """Where the letter stands that ``choice`` takes for the answer; the whole where it names none."""
    before = len(answer) - len(answer.lstrip())
    found = _OPTION.search(answer.strip())
    if found is not None:
        return before + found.start(1), before + found.end(1)
    return (before, len(answer.rstrip())) if answer.strip() else None
