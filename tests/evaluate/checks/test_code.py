"""Code is taken out of an answer whole, run on hidden tests, and what cannot be judged is not scored."""

from collections.abc import Callable
from typing import Any

import pytest

from trimtab.evaluate import Transcript, score_case
from trimtab.evaluate.checks.code import code, same
from trimtab.evaluate.checks.code_block import code_of
from trimtab.records import Ask, Case, Expected, Message
from trimtab.stats.pass_at_k import pass_at_k
from trimtab.tools import Outcome
from trimtab.tools.sandbox import MontySandbox, Ran, RunLimits, shared_sandbox

RIGHT = "```python\ndef double(x):\n    return 2 * x\n```"
WRONG = "```python\ndef double(x):\n    return x + 2\n```"


class Scripted:
    """A sandbox that gives what it is told, one run after the other."""

    def __init__(self, *runs: Ran) -> None:
        self.runs, self.seen = list(runs), list[str]()

    def run(self, code: str, limits: RunLimits = RunLimits()) -> Ran:  # noqa: B008
        self.seen.append(code)
        return self.runs.pop(0)


def case(samples: int = 1, **check: Any) -> Case:
    rule = {"kind": "code", "entry": "double", "calls": ["double(3)", "double(0)"], "values": [6, 0]} | check
    return Case((Message("user", "?"),), Expected("answer", check=rule), ask=Ask(samples=samples))


def said(*answers: str, finish: Any = "stop") -> list[Outcome]:
    return [Outcome((), answer, answer, finish) for answer in answers]


@pytest.fixture(scope="module")
def sandbox() -> MontySandbox:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    return shared_sandbox()


def test_pass_at_1_and_k_are_estimated_from_all_samples(sandbox: MontySandbox) -> None:
    scores = code(case(5, k=3), said(RIGHT, WRONG, WRONG, RIGHT, "I cannot."), sandbox)
    assert scores["code_pass_at_1"] == 0.4
    assert scores["code_pass_at_3"] == pass_at_k(5, 2, 3)
    assert (scores["code_wrong_answer"], scores["code_syntax_error"], scores["code_unsupported"]) == (0.4, 0.2, 0)


@pytest.mark.parametrize(
    ("body", "metric"),
    [
        ("return 2 *", "code_syntax_error"),
        ("return x", "code_wrong_answer"),
        ("return x.y", "code_runtime_error"),
        ("while True: pass", "code_timeout"),
        ("return 'a' * 10**10", "code_timeout"),
    ],
)
def test_each_failure_is_counted_by_its_kind(sandbox: MontySandbox, body: str, metric: str) -> None:
    scores = code(case(seconds=0.2), said(f"```python\ndef double(x):\n    {body}\n```"), sandbox)
    assert {name for name, score in scores.items() if score} == {metric}


def test_what_the_sandbox_lacks_is_not_scored(sandbox: MontySandbox) -> None:
    lacks = "```python\ndef double(x):\n    yield 2 * x\n```"
    assert code(case(), said(lacks), sandbox) == {"code_unsupported": 1.0}
    mixed = code(case(2), said(lacks, RIGHT), sandbox)
    assert (mixed["code_unsupported"], mixed["code_pass_at_1"]) == (0.5, 1.0)
    assert "code_pass_at_2" not in mixed


def test_a_case_whose_own_solution_fails_here_says_nothing_of_a_model(sandbox: MontySandbox) -> None:
    broken = case(reference="def double(x):\n    yield x")
    assert code(broken, said(RIGHT), sandbox) == {"code_unsupported": 1.0}
    assert code(case(reference="def double(x):\n    return x + x"), said(RIGHT), sandbox)["code_pass_at_1"] == 1


def test_a_sample_that_was_cut_off_is_run_as_far_as_it_goes(sandbox: MontySandbox) -> None:
    scores = code(case(2), [*said(RIGHT, RIGHT[:-3], WRONG, "Well", finish="length")], sandbox)
    assert (scores["code_pass_at_1"], scores["code_cut_off"], scores["code_wrong_answer"]) == (0.5, 0.5, 0)
    assert scores["code_pass_at_2"] == pass_at_k(4, 2, 2)


def test_assertions_must_all_have_run(sandbox: MontySandbox) -> None:
    asserts = case(values=None, asserts=["assert double(3) == 6", "assert double(0) == 0"])
    rule = {key: value for key, value in asserts.expected.check.items() if value is not None}
    asked = Case(asserts.messages, Expected("answer", check=rule))
    assert code(asked, said(RIGHT), sandbox)["code_pass_at_1"] == 1
    assert code(asked, said(WRONG), sandbox)["code_wrong_answer"] == 1
    quits = "```python\ndef double(x):\n    raise SystemExit\n```"
    assert code(asked, said(quits), sandbox)["code_pass_at_1"] == 0


@pytest.mark.parametrize(
    "cheat",
    [
        "class Yes:\n    def __eq__(self, other):\n        return True\ndef double(x):\n    return Yes()",
        "def double(x):\n    raise SystemExit",
        "def double(x):\n    return True",
        "def double(x):\n    print([6, 0])\n    return None",
    ],
)
def test_what_only_looks_equal_is_wrong(sandbox: MontySandbox, cheat: str) -> None:
    assert code(case(), said(f"```python\n{cheat}\n```"), sandbox)["code_pass_at_1"] == 0


def test_the_program_is_what_goes_before_then_the_answer_then_the_calls() -> None:
    fake = Scripted(Ran([6, 0]))
    assert code(case(before="import math"), said(RIGHT), fake)["code_pass_at_1"] == 1
    assert fake.seen == ["import math\ndef double(x):\n    return 2 * x\n\n[double(3), double(0)]"]


@pytest.mark.parametrize(
    ("got", "wanted", "equal"),
    [
        ((1, 2), [1, 2], True),
        ([1, [2]], [1, [2]], True),
        (1.0, 1, True),
        (0.1 + 0.2, 0.3, True),
        (True, 1, False),
        (1, True, False),
        (None, 0, False),
        ("1", 1, False),
        ([1], [1, 2], False),
        ({"a": (1,)}, {"a": [1]}, True),
        (float("nan"), 1.0, False),
    ],
)
def test_equal_as_data(got: Any, wanted: Any, equal: bool) -> None:
    assert same(got, wanted) == equal


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: body,
        lambda body: f"```python\n{body}\n```",
        lambda body: f"```\n{body}\n```",
        lambda body: f"Sure! Here it is:\n\n```py\n{body}\n```\nIt works. 2 * x doubles.",
        lambda body: f"Here it is:\n{body}\nThis doubles its argument.",
        lambda body: f"```python\n{body}",
        lambda body: f"```bash\nls\n```\n```python\n{body}\n```\n```python\nprint(double(2))\n```",
        lambda body: "1. Do\n   ```python\n   " + body.replace("\n", "\n   ") + "\n   ```",
        lambda body: body.replace("\n", "\r\n"),
        lambda body: "```python\n" + body.replace("    ", "\t") + "\n```",
    ],
)
def test_a_function_is_found_in_whatever_it_is_wrapped(wrap: Callable[[str], str]) -> None:
    body = "import math\n\ndef double(x):\n    # twice\n\n    return 2 * x"
    assert code_of(wrap(body), "double").strip() == body


def test_helpers_in_a_block_before_come_with_it() -> None:
    answer = (
        "```python\ndef helper(x):\n    return x\n```\nthen\n```python\ndef double(x):\n    return helper(x) * 2\n```"
    )
    assert code_of(answer, "double").startswith("def helper")


@pytest.mark.parametrize("answer", ["", "I cannot.", "```python\ndef other(x):\n    return 1\n```", "double(3) is 6"])
def test_where_the_function_is_not_defined_there_is_no_code(answer: str) -> None:
    assert code_of(answer, "double") == ""


def test_an_index_in_brackets_is_no_citation(sandbox: MontySandbox) -> None:
    answer = "```python\ndef double(x):\n    return [x][0] * 2\n```"
    scores = score_case(case(), Transcript(said(answer)[0]))
    assert scores["code_pass_at_1"] == 1
    assert not [name for name in scores if "citation" in name or "reference" in name]
