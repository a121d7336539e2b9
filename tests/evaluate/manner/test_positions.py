"""Movement is measured on own and on fixed answers apart: the fixed ones are the same whatever a release says."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from trimtab.evaluate import kl_to_base
from trimtab.evaluate.manner.positions import Asked, positions
from trimtab.model import Dialect, load, tiny_random_model


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("models")
    return tiny_random_model(root / "a"), tiny_random_model(root / "b", seed=1)


def test_fixed_answers_are_the_same_pairs_whatever_a_release_said(build: Any, folders: tuple[Path, Path]) -> None:
    case = build.case(question="hi")
    asked: list[list[Any]] = []

    def spy(p: Path, q: Path, pairs: Sequence[Any]) -> list[list[tuple[float, float]]]:
        asked.append([(list(prompt), list(completion)) for prompt, completion in pairs])
        return [[(0.25, 2.0)] * len(completion) for _, completion in pairs]

    fixed = Asked({case.id: build.transcript("Seven years.")}, "Be brief.")
    for said in ("One.", "Something else entirely."):
        found = positions(*folders, [case], Asked({case.id: build.transcript(said)}), fixed, spy)
        assert found == {"kl_to_base": {case.id: 0.25}, "kl_fixed": {case.id: 0.25}, "entropy": {case.id: 2.0}}
    assert asked[0][0] != asked[1][0]
    assert asked[0][1] == asked[1][1]
    assert "Seven years." in Dialect.of(folders[0]).decode(asked[0][1][1])


def test_own_answers_give_what_kl_to_base_gives(build: Any, folders: tuple[Path, Path]) -> None:
    case = build.case(question="hi")
    transcripts = {case.id: build.transcript("Seven.")}
    plain = kl_to_base(*folders, [case], transcripts)
    assert positions(*folders, [case], Asked(transcripts), None)["kl_to_base"] == pytest.approx(plain)


def test_the_entropy_is_the_models_own_over_the_whole_vocabulary(build: Any, folders: tuple[Path, Path]) -> None:
    case = build.case(question="hi")
    found = positions(*folders, [case], None, Asked({case.id: build.transcript("Seven.")}))
    dialect = Dialect.of(folders[0])
    prompt = dialect.encode(case.messages, reply=True)
    whole = dialect.encode((*case.messages, build.transcript("Seven.").outcome.turns[-1]))
    encoded = dialect.encode_turns((*case.messages, build.transcript("Seven.").outcome.turns[-1]))
    count = sum(encoded.trained)
    with torch.inference_mode():
        logits = load(folders[0])(input_ids=torch.tensor([whole])).logits[0].double()
    rows = logits[len(prompt) - 1 : len(prompt) - 1 + count].softmax(1)
    plain = [-sum(p * math.log(p) for p in row.tolist() if p > 0) for row in rows]
    assert found["entropy"][case.id] == pytest.approx(sum(plain) / len(plain), abs=1e-4)


def test_what_is_not_there_is_left_out(build: Any, folders: tuple[Path, Path]) -> None:
    case = build.case(question="hi")
    assert positions(*folders, [case], None, Asked({})) == {}
    assert positions(*folders, [case], None, None) == {}
