"""Multiple choice rows as cases: asked with lettered options, judged by the letter, weighed by choice probability."""

import random
from collections.abc import Mapping
from pathlib import Path
from string import ascii_uppercase

from trimtab.records import Ask, Case, Expected, Message, UserError, read_jsonl
from trimtab.records.message import Json

_MOST = 10
"""Options that the ``choice`` check knows letters for."""


def choice_cases(path: Path, battery: str, count: int | None = None, seed: int = 0) -> list[Case]:
    """The rows ``{question, choices, answer_index}`` of a .jsonl or .jsonl.gz file as cases without tools; ``count`` of
    them drawn by the seed, in the file's order. Of rows that ask the same the first stays.

    Raises UserError with file, line and field.
    """
    distinct: dict[str, Case] = {}
    for case in read_jsonl(path, choice_case):
        distinct.setdefault(case.id, case)
    cases = list(distinct.values())
    if count is not None and count < len(cases):
        kept = sorted(random.Random(seed).sample(range(len(cases)), count))
        cases = [cases[i] for i in kept]
    return [Case(one.messages, one.expected, ask=one.ask, labels={"battery": battery}) for one in cases]


def choice_case(row: Json) -> Case:
    """One row. Raises UserError where it is no question with 2 to 10 options, one of them right."""
    if not isinstance(row, Mapping) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise UserError("a multiple choice row needs its question", field="question", expected="a text")
    options, right = row.get("choices"), row.get("answer_index")
    if not isinstance(options, list) or not 2 <= len(options) <= _MOST or not all(isinstance(o, str) for o in options):
        raise UserError("a multiple choice row needs its options", field="choices", expected=f"2 to {_MOST} texts")
    if isinstance(right, bool) or not isinstance(right, int) or not 0 <= right < len(options):
        raise UserError(f"{right!r} is no option", field="answer_index", expected=f"0 to {len(options) - 1}")
    lines = [f"{letter}. {option}" for letter, option in zip(ascii_uppercase, options, strict=False)]
    asked = "\n".join([row["question"].strip(), *lines, "Answer with the letter of the right option."])
    check = {"kind": "choice", "letter": ascii_uppercase[right], "options": options}
    return Case((Message("user", asked),), Expected("answer", check=check), ask=Ask(offer=(), max_tokens=8))
