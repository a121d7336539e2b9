"""A record of log-probs recognises its own engine, and tells when the weights are others."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from trimtab.engine import FLOORS, OpenVinoEngine, TorchEngine, record, replay, served_as_trained
from trimtab.model import tiny_random_model
from trimtab.records import UserError

Prompts = Callable[..., list[tuple[int, ...]]]


@pytest.fixture
def fixed(prompts: Prompts) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return list(zip(prompts(12, 40, 7, seed=1), prompts(20, 5, 30, seed=2), strict=True))


def test_a_replay_is_the_record(
    torch_engine: TorchEngine, fixed: list[tuple[tuple[int, ...], tuple[int, ...]]]
) -> None:
    kept = json.loads(json.dumps(record(torch_engine, fixed)))
    gap = replay(torch_engine, kept)
    assert gap.tokens == 55
    assert gap.same_weights
    assert gap.mean <= gap.largest < 1e-4


def test_another_engine_with_the_same_weights_passes(
    torch_engine: TorchEngine,
    openvino_engine: OpenVinoEngine,
    fixed: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    assert served_as_trained(openvino_engine, record(torch_engine, fixed)) < FLOORS["f32"]
    again = record(openvino_engine, fixed)
    assert served_as_trained(openvino_engine, again) == pytest.approx(0, abs=1e-6)


def test_other_weights_are_found_out(
    torch_engine: TorchEngine, tmp_path: Path, fixed: list[tuple[tuple[int, ...], tuple[int, ...]]]
) -> None:
    other = TorchEngine(tiny_random_model(tmp_path / "other", seed=3))
    gap = replay(other, record(torch_engine, fixed))
    other.close()
    assert not gap.same_weights
    assert gap.mean > 10 * FLOORS["bf16"]


def test_a_plain_scorer_will_do(fixed: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    class Constant:
        weights = "w"

        def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
            return [-1.0] * len(completion_ids)

    kept = record(Constant(), fixed)
    kept["sequences"][0]["logprobs"][0] = -1.55
    assert served_as_trained(Constant(), kept) == pytest.approx(0.01)


def test_an_empty_record_proves_nothing(torch_engine: TorchEngine) -> None:
    with pytest.raises(UserError, match="no tokens"):
        replay(torch_engine, {"weights": torch_engine.weights, "sequences": []})
