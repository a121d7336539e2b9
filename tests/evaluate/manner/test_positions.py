"""Movement is measured on own and on fixed answers apart: the fixed ones are the same whatever a release says."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

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


def test_a_mode_that_collapses_is_seen_while_every_greedy_token_stays(
    build: Any, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    base = folders[0]
    sharp = Path(shutil.copytree(base, tmp_path / "sharp"))
    weights = load_file(sharp / "model.safetensors")
    weights["model.norm.weight"] = 6 * weights["model.norm.weight"]  # every logit six times as large
    save_file(weights, sharp / "model.safetensors", metadata={"format": "pt"})
    cases = [build.case(question=f"question {i}") for i in range(3)]
    fixed = Asked({case.id: build.transcript(f"Answer {i} it is.") for i, case in enumerate(cases)})
    before, after = (positions(one, base, cases, None, fixed) for one in (base, sharp))
    assert all(after["entropy"][case.id] < before["entropy"][case.id] - 0.1 for case in cases)
    assert all(after["kl_fixed"][case.id] > 0.1 for case in cases)
    assert max(abs(one) for one in before["kl_fixed"].values()) < 1e-6
    ids = torch.tensor([Dialect.of(base).encode(cases[0].messages, reply=True)])
    with torch.inference_mode():
        tokens = [load(one)(input_ids=ids).logits[0].argmax(1) for one in (base, sharp)]
    assert tokens[0].equal(tokens[1])


def test_what_is_not_there_is_left_out(build: Any, folders: tuple[Path, Path]) -> None:
    case = build.case(question="hi")
    assert positions(*folders, [case], None, Asked({})) == {}
    assert positions(*folders, [case], None, None) == {}
