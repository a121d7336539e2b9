"""Drift is measured on the model's own turns, each after its own prompt, on its own tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import Transcript, kl_to_base
from trimtab.model import Dialect, tiny_random_model
from trimtab.tools import calculator_tool


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "a")


class Spy:
    """Notes what it is asked; its value for a token is the token's place."""

    def __init__(self) -> None:
        self.pairs: list[tuple[list[int], list[int]]] = []

    def __call__(self, p: Path, q: Path, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        self.pairs = [(list(prompt), list(completion)) for prompt, completion in pairs]
        return [[float(i) for i in range(len(completion))] for _, completion in pairs]


def test_each_generated_turn_is_one_pair_of_prompt_and_own_tokens(build: Any, folder: Path) -> None:
    case, transcript = build.case(question="hi"), build.transcript("Seven.", build.search, result="[]")
    spy, tools = Spy(), [calculator_tool().schema]
    kl_to_base(folder, folder, [case], {case.id: transcript}, system="Be brief.", tools=tools, divergence=spy)
    dialect = Dialect.of(folder)
    texts = [(dialect.decode(prompt), dialect.decode(completion)) for prompt, completion in spy.pairs]
    assert len(texts) == 2
    assert "Be brief." in texts[0][0]
    assert '"search"' in texts[0][1]
    assert "Seven." not in texts[1][0]
    assert texts[1][1].startswith("Seven.")
    assert texts[1][0].startswith(texts[0][0] + texts[0][1])


def test_the_score_is_the_mean_over_all_tokens_of_the_case(build: Any, folder: Path) -> None:
    case, transcript = build.case(question="hi"), build.transcript("Seven.", build.search, result="[]")
    spy = Spy()
    found = kl_to_base(folder, folder, [case], {case.id: transcript}, divergence=spy)
    values = [float(i) for _, completion in spy.pairs for i in range(len(completion))]
    assert found == {case.id: pytest.approx(sum(values) / len(values))}


def test_it_is_the_raw_answer_that_counts(build: Any, folder: Path) -> None:
    case = build.case(question="hi")
    outcome = build.outcome("secret")
    served = outcome.turns[-1].__class__("assistant", "hidden")
    transcript = build.transcript("secret")
    object.__setattr__(transcript.outcome, "turns", (served,))
    spy = Spy()
    kl_to_base(folder, folder, [case], {case.id: transcript}, divergence=spy)
    assert Dialect.of(folder).decode(spy.pairs[0][1]).startswith("secret")


def test_attacks_errors_and_the_plans_own_words_are_left_out(build: Any, folder: Path) -> None:
    attack = build.case(labels={"suite": "redteam"}, question="a")
    failed, mute = build.case(question="b"), build.case(question="c")
    transcripts = {
        attack.id: build.transcript("x"),
        failed.id: Transcript(None, "boom"),
        mute.id: build.transcript("", answer="I could not finish this."),
    }
    assert kl_to_base(folder, folder, [attack, failed, mute], transcripts, divergence=Spy()) == {}


def test_a_model_has_not_moved_from_itself_but_has_from_another(build: Any, folder: Path, tmp_path: Path) -> None:
    case, other = build.case(question="hi"), tiny_random_model(tmp_path / "b", seed=1)
    transcripts = {case.id: build.transcript("Seven.")}
    assert kl_to_base(folder, folder, [case], transcripts)[case.id] == pytest.approx(0, abs=1e-6)
    assert kl_to_base(folder, other, [case], transcripts)[case.id] > 1e-4
