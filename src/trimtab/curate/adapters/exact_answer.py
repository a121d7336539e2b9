"""Problems whose answer is one number: GSM8K, SVAMP, GSM-hard and rows like theirs."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, text_field
from trimtab.records import Case, Example, Expected, Message, UserError

_MARKS = re.compile(r"<<[^<>]*>>")
_NUMBER = re.compile(r"-?\$?-?(\d[\d,]*)?(\.\d+)?(?:[eE][+-]?\d+)?%?")
_PLACES = 3


@dataclass(frozen=True, slots=True)
class ExactAnswer:
    """``{"question", "answer": "... #### 18"}``, ``{"Body", "Question", "Answer": 18.0}`` or ``{"input", "target"}``.

    A case's check is ``number``; a value with more than three decimals is right to a thousandth. What is learned from
    is an answer that is worked out, without GSM8K's calculator marks.
    """

    options: AdapterOptions
    name: ClassVar[str] = "exact_answer"
    skipped: ClassVar[str] = "a bare number, without a way to it"

    def example(self, row: JsonRow) -> Example | None:
        question, (worked, _) = _question(row), _answer(row)
        if not worked:
            return None
        answer = Message("assistant", _MARKS.sub("", worked))
        return Example(messages=(Message("user", question), answer), labels={"action": "answer", "kind": "math"})

    def case(self, row: JsonRow) -> Case | None:
        question, (_, value) = _question(row), _answer(row)
        check: dict[str, object] = {"kind": "number", "value": str(value)}
        if 10**_PLACES % value.denominator:
            check["tolerance"] = f"1/{10**_PLACES}"
        return Case((Message("user", question),), Expected("answer", check=check), labels={"kind": "math"})


def _question(row: JsonRow) -> str:
    if "Body" in row:
        body = text_field(row, "Body").strip()
        return f"{body}{'' if body[-1] in '.?!' else '.'} {text_field(row, 'Question').strip()}"
    return text_field(row, "input" if "input" in row and "question" not in row else "question").strip()


def _answer(row: JsonRow) -> tuple[str, Fraction]:
    """What is said before the number ("" where nothing is), and the number."""
    name = next((name for name in ("answer", "Answer", "target") if name in row), "answer")
    value = row.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "", _fraction(str(value), name)
    worked, mark, last = text_field(row, name).rpartition("####")
    return (f"{worked.strip()}\n#### {last.strip()}" if mark else ""), _fraction(last.strip(), name)


def _fraction(digits: str, field: str) -> Fraction:
    if _NUMBER.fullmatch(digits) is None or not any(map(str.isdigit, digits)):
        raise UserError(f"the answer ends in {digits[:40]!r}", field=field, expected="one number, after #### if at all")
    return Fraction(re.sub(r"[$,%]", "", digits))
