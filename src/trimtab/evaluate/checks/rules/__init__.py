"""Verifiable constraints on an answer, by kind: each says of a text whether it was kept."""

from collections.abc import Callable, Mapping
from typing import Any

from trimtab.evaluate.checks.rules import language, layout, lengths, wording
from trimtab.records import UserError

Rule = Callable[[str, Mapping[str, Any]], bool]

RULES: dict[str, Rule] = {**lengths.RULES, **layout.RULES, **wording.RULES, **language.RULES}


def keeps(answer: str, constraint: Mapping[str, Any]) -> bool:
    """Whether the answer keeps one constraint, ``{"rule": name, …its arguments}``; an empty answer keeps none.

    Raises UserError on a rule that is not known and on missing or unfit arguments.
    """
    name = str(constraint.get("rule", ""))
    if (rule := RULES.get(name)) is None:
        raise UserError(f"unknown rule {name!r}", field="expected.check.constraints", expected=" | ".join(RULES))
    try:
        return bool(answer.strip()) and rule(answer, constraint)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the rule {name!r} lacks or misuses {error}", field="expected.check.constraints") from error
