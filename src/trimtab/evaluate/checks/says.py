"""What an answer must say, must not say, and do; of the last answer or of every one in a conversation."""

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.evaluate.action import classify
from trimtab.evaluate.checks.constraints import kept_loosely
from trimtab.evaluate.checks.exact import accuracy_of
from trimtab.records import Case
from trimtab.text import normalise, numbers
from trimtab.tools import Outcome


def says(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: whether the last answer fulfils the check, and every answer those of ``every``.

    ``any``, ``all``, ``none``: texts in normal form; ``numbers``: all are said; ``actions``: what it does is one of
    them; ``constraints``: rules, read loosely; ``every``: rules that each answer of the conversation keeps.
    """
    check = case.expected.check
    good = fulfils(samples[0].raw_answer, check)
    every = check.get("every", ())
    spoken = answers(samples[0])
    kept = bool(spoken) and all(kept_loosely(answer, rule) for answer in spoken for rule in every) if every else True
    return {accuracy_of(case): float(good and kept)}


def fulfils(answer: str, wanted: Mapping[str, Any]) -> bool:
    """Whether one answer says what is wanted; see ``says``."""
    if not normalise(answer):
        return False
    if "any" in wanted and not any(holds(answer, str(text)) for text in wanted["any"]):
        return False
    if not all(holds(answer, str(text)) for text in wanted.get("all", ())):
        return False
    if any(holds(answer, str(text)) for text in wanted.get("none", ())):
        return False
    if not {str(number) for number in wanted.get("numbers", ())} <= numbers(answer):
        return False
    if "actions" in wanted and classify(answer) not in wanted["actions"]:
        return False
    return all(kept_loosely(answer, rule) for rule in wanted.get("constraints", ()))


def holds(answer: str, text: str) -> bool:
    """Word for word in normal form; a number by its value."""
    form = normalise(text)
    return f" {form} " in f" {normalise(answer)} " or (form.isdigit() and form in numbers(answer))


def answers(outcome: Outcome) -> list[str]:
    """The assistant's texts, one for each user's turn that was answered; calls are none."""
    texts = [turn.content for turn in outcome.turns if turn.role == "assistant" and not turn.tool_calls]
    return [*texts[:-1], outcome.raw_answer] if texts else [outcome.raw_answer]
