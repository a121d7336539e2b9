"""Programming problems with tests: HumanEval, MBPP and rows like theirs."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, text_field
from trimtab.records import Case, Example, Expected, Message, UserError

_DEFINED = re.compile(r"^def (\w+)\s*\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodeTests:
    """HumanEval's ``{prompt, entry_point, test, canonical_solution}`` or MBPP's ``{text, code, test_list}``.

    A case's check is ``code``: its assertions are run in the sandbox on the function that an answer gives, and only
    where they pass for the row's own solution there. Of MBPP's assertions the model sees the first.
    """

    options: AdapterOptions
    name: ClassVar[str] = "code_tests"
    skipped: ClassVar[str] = "a problem without a solution"

    def example(self, row: JsonRow) -> Example | None:
        read = _read(row)
        answer = Message("assistant", f"```python\n{read.before}{read.reference}\n```")
        return Example(messages=(Message("user", read.question), answer), labels={"action": "answer", "kind": "code"})

    def case(self, row: JsonRow) -> Case | None:
        read = _read(row)
        check: dict[str, Any] = {
            "kind": "code",
            "entry": read.entry,
            "before": read.before,
            "asserts": list(read.asserts),
            "reference": read.reference,
        }
        expected = Expected("answer", check=check)
        return Case((Message("user", read.question),), expected, labels={"kind": "code"})


@dataclass(frozen=True, slots=True)
class _Read:
    question: str
    entry: str
    before: str
    reference: str
    asserts: tuple[str, ...]


def _read(row: JsonRow) -> _Read:
    return _completion(row) if "entry_point" in row else _described(row)


def _completion(row: JsonRow) -> _Read:
    """HumanEval: a signature to complete; what stands before it (imports, helpers) is there for any answer."""
    prompt, entry = text_field(row, "prompt"), text_field(row, "entry_point")
    before, found, signature = prompt.partition(f"def {entry}(")
    if not found:
        raise UserError(f"the prompt does not define {entry!r}", field="prompt", expected=f"def {entry}(...):")
    question = f"Complete this Python function. Answer with the whole function in a code block.\n\n{prompt}"
    solution = found + signature + text_field(row, "canonical_solution")
    return _Read(question, entry, before, solution, (text_field(row, "test"), f"check({entry})"))


def _described(row: JsonRow) -> _Read:
    """MBPP: a sentence and assertions, of which the first is shown, for the name and the arguments."""
    code, tests = text_field(row, "code").replace("\r\n", "\n"), _texts(row.get("test_list"))
    called = [name for name in _DEFINED.findall(code) if re.search(rf"\b{name}\s*\(", tests[0])]
    if not called:
        raise UserError("the first test calls no function of the code", field="test_list[0]")
    setup = str(row.get("test_setup_code") or "").replace("\r\n", "\n")
    question = f"{text_field(row, 'text').strip()} Answer with the function in a Python code block.\n"
    return _Read(f"{question}It must pass: {tests[0]}", called[0], setup, code, tests)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise UserError("tests must be a list of assertions", field="test_list", expected="at least one")
    return tuple(one.replace("\r\n", "\n") for one in value)
