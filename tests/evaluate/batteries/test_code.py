"""Each code task's hidden tests pass for its reference in the sandbox, and fail for anything else."""

import pytest

from trimtab.evaluate import CHECKS, make_battery
from trimtab.evaluate.batteries.code import SAMPLES
from trimtab.evaluate.batteries.code_families import FAMILIES
from trimtab.evaluate.checks.code import code, reference_fails
from trimtab.records import Case
from trimtab.tools import Outcome
from trimtab.tools.sandbox import MontySandbox, shared_sandbox


@pytest.fixture(scope="module")
def sandbox() -> MontySandbox:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    return shared_sandbox()


def answers(case: Case, body: str) -> dict[str, float]:
    return dict(CHECKS["code"](case, [Outcome((), body, body, "stop")] * SAMPLES))


def test_there_are_at_least_25_families_and_each_is_drawn() -> None:
    cases = make_battery("code", len(FAMILIES), 0)
    assert len({case.labels["cluster"] for case in cases}) == len(FAMILIES) >= 25
    assert {case.labels["difficulty"] for case in cases} == {"easy", "medium", "hard"}


def test_every_reference_passes_its_own_tests_in_the_sandbox(sandbox: MontySandbox) -> None:
    failed = {
        (case.expected.check["entry"], why)
        for seed in range(3)
        for case in make_battery("code", 3 * len(FAMILIES), seed)
        if (why := reference_fails(case.expected.check, sandbox.run))
    }
    assert not failed


def test_no_task_is_passed_by_a_constant_or_by_its_first_argument(sandbox: MontySandbox) -> None:
    for case in make_battery("code", 2 * len(FAMILIES), 1):
        entry, values = case.expected.check["entry"], case.expected.check["values"]
        for result in (repr(values[0]), "args[0]", "None"):
            body = f"```python\ndef {entry}(*args):\n    return {result}\n```"
            assert answers(case, body)["code_pass_at_1"] == 0, (entry, result)


def test_a_right_answer_passes_all_its_samples(sandbox: MontySandbox) -> None:
    case = make_battery("code", 1, 0)[0]
    scores = answers(case, f"```python\n{case.expected.check['reference']}\n```")
    assert scores["code_pass_at_1"] == scores[f"code_pass_at_{SAMPLES}"] == 1


def test_the_reference_of_one_draw_fails_the_tests_of_another(sandbox: MontySandbox) -> None:
    """The parameters matter: what is right for one seed is not for the next."""
    drawn: dict[str, set[str]] = {}
    for case in make_battery("code", 4 * len(FAMILIES), 0):
        drawn.setdefault(case.expected.check["entry"], set()).add(case.expected.check["reference"])
    assert sum(len(found) > 1 for found in drawn.values()) >= 15


def test_the_question_shows_one_example_and_hides_the_rest() -> None:
    for case in make_battery("code", len(FAMILIES), 0):
        check, question = case.expected.check, case.messages[0].content
        assert check["calls"][0] in question
        assert not any(call in question for call in check["calls"][1:])
        assert check["reference"] not in question
        assert len(check["calls"]) == len(check["values"]) >= 4


def test_the_check_is_the_one_that_is_registered() -> None:
    assert CHECKS["code"] is code
