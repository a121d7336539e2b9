"""Puzzles come fresh by seed, and their own verifiers know a right answer from a wrong one."""

import builtins
from dataclasses import replace
from typing import Any

import pytest

from trimtab.evaluate import CHECKS, make_battery
from trimtab.evaluate.checks.reasoning import drawn_set, said_answer
from trimtab.records import Case, UserError
from trimtab.tools import Outcome


@pytest.fixture
def cases() -> list[Case]:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed (the reasoning extra)")
    return make_battery("reasoning", 36, 3)


def score(case: Case, answer: str) -> float:
    return CHECKS["reasoning"](case, [Outcome((), answer, answer, "stop")])["reasoning_accuracy"]


def entry(case: Case) -> dict[str, Any]:
    check = case.expected.check
    return dict(drawn_set(check["dataset"], check["seed"], check["size"])[check["index"]])


def test_cases_are_distinct_and_the_same_for_the_same_seed(cases: list[Case]) -> None:
    ids = [case.id for case in cases]
    drawn_set.cache_clear()
    assert ids == [case.id for case in make_battery("reasoning", 36, 3)]
    assert len(set(ids)) == 36
    assert len({case.labels["category"] for case in cases}) == 12
    assert not set(ids) & {case.id for case in make_battery("reasoning", 36, 4)}


def test_the_verifier_takes_the_right_answer_and_no_other(cases: list[Case]) -> None:
    for case in cases:
        right = str(entry(case)["answer"])
        assert score(case, f"Let me think.\nAnswer: {right}") == 1, case.labels
        assert score(case, f"<answer>{right}</answer>") == 1, case.labels
        assert score(case, "Answer: zebra 987654321") == 0, case.labels
        assert score(case, "") == 0


def test_a_version_that_draws_another_question_is_noticed(cases: list[Case]) -> None:
    check = {**cases[0].expected.check, "question": "0" * 16}
    moved = replace(cases[0], expected=replace(cases[0].expected, check=check))
    with pytest.raises(UserError, match="another question"):
        score(moved, "Answer: 1")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("7", "7"),
        ("It is 7.\n**Answer:** 7", "7"),
        ("The answer is Monday.", "Monday"),
        ("Answer: 3\nNo. Answer: 4", "4"),
        ("<answer> a b </answer> Answer: no", "a b"),
        ("so\n2 × 3", "2 × 3"),
        ("", ""),
    ],
)
def test_the_answer_of_an_answer(said: str, answer: str) -> None:
    assert said_answer(said) == answer


def test_without_the_extra_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **more: Any) -> Any:
        if name == "reasoning_gym":
            raise ImportError(name)
        return real(name, *args, **more)

    drawn_set.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match="reasoning-gym") as raised:
        make_battery("reasoning", 1, 0)
    assert raised.value.fix == "pip install trimtab[reasoning]"


def test_only_data_sets_whose_verifiers_were_read_are_judged_by() -> None:
    with pytest.raises(UserError, match="unknown data set 'countdown'"):
        drawn_set("countdown", 0, 3)
