"""Which rows and which learning rate a step has is settled by the seed alone."""

from itertools import chain

import pytest

from trimtab.train import LoraConfig, PreferenceConfig, TrainConfig
from trimtab.train.schedule import learning_rate, step_rows


def test_each_epoch_sees_every_row_once_in_an_order_of_its_own() -> None:
    steps = step_rows(10, TrainConfig(epochs=2, rows_per_step=4))
    assert [len(step) for step in steps] == [4, 4, 2] * 2
    first, second = [*chain(*steps[:3])], [*chain(*steps[3:])]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert steps == step_rows(10, TrainConfig(epochs=2, rows_per_step=4))
    assert steps != step_rows(10, TrainConfig(epochs=2, rows_per_step=4, seed=1))


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_rate_rises_to_its_peak_and_never_quite_ends(schedule: str) -> None:
    config = TrainConfig.model_validate({"learning_rate": 1.0, "warmup": 0.2, "schedule": schedule})
    rates = [learning_rate(step, 20, config) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0
    falling = rates[4:]
    assert falling == sorted(falling, reverse=True)
    assert rates[-1] == 1.0 if schedule == "constant" else 0 < rates[-1] < 0.1


def test_a_run_of_one_step_moves() -> None:
    assert learning_rate(0, 1, TrainConfig(learning_rate=1.0)) == 1.0


def test_the_method_and_lora_derive_the_rate() -> None:
    assert TrainConfig().peak_rate == 1e-4
    assert PreferenceConfig().peak_rate == 1e-5
    assert TrainConfig(lora=LoraConfig()).peak_rate == pytest.approx(5e-4)
    assert PreferenceConfig(learning_rate=3e-6).peak_rate == 3e-6
