"""Rows with a function to write and assertions become cases that run them."""

from collections.abc import Callable
from typing import Any

import pytest

from trimtab.curate.adapters import AdapterOptions, CodeTests
from trimtab.records import Case, UserError

ADAPTER = CodeTests(AdapterOptions())
HUMAN_EVAL = {
    "prompt": 'import math\n\ndef twice(x):\n    """Twice x."""\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}
MBPP = {
    "text": "Write a function to double.",
    "code": "def helper(x):\r\n  return x\r\ndef twice(x):\r\n  return helper(x) * 2",
    "test_list": ["assert twice(2) == 4", "assert twice(3) == 6"],
    "test_setup_code": "",
}


def made(row: dict[str, Any]) -> Case:
    case = ADAPTER.case(row)
    assert case is not None
    return case


def test_humaneval_runs_its_check_on_the_function_after_what_stands_before_it() -> None:
    check = made(HUMAN_EVAL).expected.check
    assert (check["kind"], check["entry"], check["before"]) == ("code", "twice", "import math\n\n")
    assert check["asserts"] == [HUMAN_EVAL["test"], "check(twice)"]
    assert check["reference"].startswith("def twice(x):")


def test_of_mbpps_assertions_the_first_is_shown() -> None:
    case = made(MBPP)
    assert "assert twice(2) == 4" in case.messages[0].content
    assert "twice(3)" not in case.messages[0].content
    assert case.expected.check["entry"] == "twice"
    assert "\r" not in case.expected.check["reference"]


def test_the_solution_teaches() -> None:
    example = ADAPTER.example(HUMAN_EVAL)
    assert example is not None
    assert "return 2 * x" in example.messages[-1].content


@pytest.mark.parametrize(
    ("row", "change", "field"),
    [
        (HUMAN_EVAL, {"entry_point": "thrice"}, "prompt"),
        (HUMAN_EVAL, {"test": ""}, "test"),
        (MBPP, {"test_list": []}, "test_list"),
        (MBPP, {"test_list": ["assert thrice(2) == 6"]}, "test_list[0]"),
        (MBPP, {"code": None}, "code"),
    ],
)
def test_a_malformed_row_says_its_field(row: dict[str, Any], change: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as raised:
        ADAPTER.case(row | change)
    assert raised.value.field == field


@pytest.mark.parametrize(("name", "least"), [("humaneval/original.jsonl", 1.0), ("mbpp/original.jsonl.gz", 0.93)])
def test_known_solutions_pass_in_the_sandbox(load_set: Callable[[str], list[Any]], name: str, least: float) -> None:
    """The share that passes is near 1; the check leaves out the others, because their own solution fails."""
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    from trimtab.evaluate.checks.code import code, reference_fails
    from trimtab.tools import Outcome
    from trimtab.tools.sandbox import shared_sandbox

    cases = [made(row) for row in load_set(name)]
    passed = [not reference_fails(case.expected.check, shared_sandbox().run) for case in cases]
    assert sum(passed) / len(cases) >= least
    for case, runs in zip(cases, passed, strict=True):
        known = f"```python\n{case.expected.check['reference']}\n```"
        scores = code(case, [Outcome((), known, known, "stop")])
        assert scores == {"code_unsupported": 1.0} if not runs else scores["code_pass_at_1"] == 1
