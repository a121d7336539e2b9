"""Two processes learn what one learns, to the checkpoint and the model on disk; micro-batches are dealt fairly."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import random_groups
from tests.train.processes.rows import CONFIGS, dpo, killed, sft

from trimtab.model import load, weights_digest
from trimtab.train.forest.batch import Batch
from trimtab.train.forest.plant import cut, even, pack, plant
from trimtab.train.processes.sharding import added_up, deal, gather, shared_scores
from trimtab.train.processes.world import World, launch

ONE = plant(random_groups(0, groups=1), 1.0)


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have run everything in ``tests/train/processes/rows.py``."""
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("two")
    shutil.copytree(folder, made / "model")
    killed(lambda: sft(made, "one_then_two"))
    assert launch(2, "tests.train.processes.rows", [str(made)]) == 0
    return made


@pytest.fixture(scope="module")
def found(place: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((place / "found.json").read_text())
    assert result["size"] == 2
    return result


def tensors(folder: Path) -> list[torch.Tensor]:
    model: Any = load(folder)
    return list(model.parameters())


@pytest.fixture(scope="module")
def alone(place: Path) -> tuple[float, ...]:
    """Losses of the teaching run in one process."""
    return sft(place, "alone").losses


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("name", ["sft", "dpo", "one_row", "dora"])
def test_two_processes_have_the_losses_of_one(place: Path, found: dict[str, Any], name: str) -> None:
    report = dpo(place, "dpo-1") if name == "dpo" else sft(place, f"{name}-1", CONFIGS[name])
    assert found[name] == pytest.approx(report.losses, abs=1e-5)
    assert report.losses[-1] < report.losses[0]


def test_two_processes_write_the_model_of_one(place: Path, found: dict[str, Any], alone: tuple[float, ...]) -> None:
    assert found["sft"] == pytest.approx(alone, abs=1e-5)
    for mine, theirs in zip(tensors(place / "sft-out"), tensors(place / "alone-out"), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", ["master", "stochastic"])
def test_bfloat16_weights_learn_in_two_processes_as_in_one(place: Path, found: dict[str, Any], name: str) -> None:
    assert found[name] == pytest.approx(sft(place, f"{name}-1", CONFIGS[name]).losses, abs=0.1)


@pytest.mark.parametrize(("name", "whole"), [("again", "sft"), ("again_stochastic", "stochastic")])
def test_two_killed_processes_go_on_bit_for_bit(place: Path, found: dict[str, Any], name: str, whole: str) -> None:
    assert found[name] == found[whole]
    assert weights_digest(place / f"{name}-out") == weights_digest(place / f"{whole}-out")


def test_what_one_process_began_two_finish(found: dict[str, Any], alone: tuple[float, ...]) -> None:
    assert found["one_then_two"] == pytest.approx(alone, abs=1e-5)
    assert found["one_then_two"][:2] == list(alone[:2])


def test_what_two_processes_began_one_finishes(place: Path, found: dict[str, Any], alone: tuple[float, ...]) -> None:
    folder = next((place / "two_then_one" / "checkpoint").glob("step-*"))
    assert len(list(folder.glob("state-*-of-00002.safetensors"))) == 2
    losses = sft(place, "two_then_one").losses
    assert list(losses[:2]) == found["sft"][:2]
    assert losses == pytest.approx(alone, abs=1e-5)


def test_a_full_disk_in_one_process_is_said_by_all_and_leaves_nothing_half_written(found: dict[str, Any]) -> None:
    assert found["full"] == ["the checkpoint could not be written (No space left on device)"] * 2
    assert found["full_left"] == []


def test_the_log_is_written_once(place: Path, found: dict[str, Any]) -> None:
    lines = [json.loads(line) for line in (place / "again" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(4))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(1, 5))
def test_every_micro_batch_is_run_by_one_process_and_all_run_equally_many(sizes: list[int], processes: int) -> None:
    batches = [sized(size) for size in sizes]
    hands = [deal(batches, World(rank, processes)) for rank in range(processes)]
    assert len({len(hand) for hand in hands}) == 1
    counted = [id(batch) for hand in hands for batch, weight in hand if weight == 1.0]
    assert sorted(counted) == sorted(map(id, batches))
    idle = [batch.processed_tokens for hand in hands for batch, weight in hand if weight != 1.0]
    assert all(tokens == min(sizes) for tokens in idle)
    assert len(idle) < processes


def test_processes_that_wait_for_each_other_run_batches_of_one_size() -> None:
    batches = [sized(size) for size in (10, 200, 12, 210)]
    hands = [deal(batches, World(rank, 2)) for rank in range(2)]
    rounds = [[hand[turn][0].processed_tokens for hand in hands] for turn in range(2)]
    assert rounds == [[210, 200], [12, 10]]


@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from([60, 120, 10_000]))
def test_micro_batches_come_in_a_multiple_of_the_processes(count: int, multiple: int, budget: int) -> None:
    groups = random_groups(1, groups=count)
    parts = even(cut(groups, budget), multiple)
    assert sorted(id(group) for part in parts for group in part) == sorted(map(id, groups))
    assert len(parts) % multiple == 0 or len(parts) == count


def test_a_step_split_for_two_processes_is_the_same_step() -> None:
    groups = random_groups(1, groups=6)
    whole, halves = pack(groups, 10_000, 7.0), pack(groups, 10_000, 7.0, multiple=2)
    assert (len(whole), len(halves)) == (1, 2)
    assert sum(batch.real_tokens for batch in halves) == whole[0].real_tokens
    assert {batch.denominator for batch in halves} == {7.0}


def test_scores_come_back_in_the_order_of_their_batches() -> None:
    batches = [sized(size) for size in (3, 9, 5)]
    scored = shared_scores(batches, lambda batch: Fake(batch.input_ids.double()), World())  # type: ignore[arg-type,return-value]
    assert [len(logp_N) for logp_N in scored] == [3, 9, 5]


def test_measures_add_up_key_by_key() -> None:
    assert added_up([{"loss": 1.0, "kl": 2.0}, {"loss": 0.5}]) == {"loss": 1.5, "kl": 2.0}


def test_a_model_of_one_process_is_its_own_whole(model: Any) -> None:
    assert gather(model) is model


class Fake:
    def __init__(self, logp: torch.Tensor) -> None:
        self.logp = logp


def sized(tokens: int) -> Batch:
    """A batch of which nothing matters but its size."""
    return replace(ONE, input_ids=torch.zeros(tokens, dtype=torch.int64))
