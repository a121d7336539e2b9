"""Two courses in one run, each as it would run alone; a reference that moves, bit for bit after a kill."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.conftest import random_groups, sequence
from tests.train.test_loop import KillAt, Killed

from trimtab.model import load
from trimtab.records import Silent, UserError
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import PreferenceConfig, SftConfig
from trimtab.train.course import Course, Line, RowsCourse, group_count, trained_weight
from trimtab.train.drift.courses import (
    Interleaved,
    MovingReference,
    goes_to_anchor,
    refreshed,
    refreshes_due,
    window_start,
)
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import Scorer, forest_scorer
from trimtab.train.loop import train
from trimtab.train.objectives import Objective, dpo, sft
from trimtab.train.reference import WindowStore


def rows(name: str, count: int) -> list[Group]:
    return [(sequence([1, 2, 3 + number], 1, example=f"{name}{number}"),) for number in range(count)]


def visits(course: Course, steps: Sequence[int]) -> list[tuple[str, ...]]:
    return [tuple(sorted(e for batch in course.batches(step, []) for e in batch.example_id)) for step in steps]


@settings(max_examples=40, deadline=None)
@given(
    main=st.integers(1, 12),
    refresh=st.integers(1, 7),
    rows_per_step=st.integers(1, 4),
    epochs=st.integers(1, 3),
    every=st.integers(1, 6),
    length=st.integers(1, 4),
)
def test_each_course_visits_its_rows_as_it_would_alone(
    main: int, refresh: int, rows_per_step: int, epochs: int, every: int, length: int
) -> None:
    config = PreferenceConfig(
        epochs=epochs, rows_per_step=rows_per_step, refresh_every=every, refresh_steps=length, refresh_rate=3e-6
    )
    alone = RowsCourse(rows("main", main), config, sft, trained_weight)
    both = refreshed(alone, rows("refresh", refresh), config, share=True)
    due = alone.steps // every * length
    assert both.steps == alone.steps + due
    kinds = ["refresh" in both.tags(step, []) for step in range(both.steps)] if isinstance(both, Interleaved) else []
    own = [step for step, other in enumerate(kinds) if not other] or list(range(both.steps))
    others = [step for step, other in enumerate(kinds) if other]
    assert visits(both, own) == visits(alone, range(alone.steps))
    assert [both.rate(step) for step in own] == [alone.rate(step) for step in range(alone.steps)]
    assert {both.rate(step) for step in others} <= {3e-6}
    teaching = SftConfig(epochs=max(due, 1), rows_per_step=rows_per_step)
    pure = RowsCourse(rows("refresh", refresh), teaching, sft, trained_weight)
    assert visits(both, others) == visits(pure, range(due))
    pattern = ([False] * every + [True] * length) * (alone.steps // every) + [False] * (alone.steps % every)
    assert kinds == (pattern if due else [])


@dataclass
class Asked:
    """A course that keeps what it was asked."""

    steps: int
    logs: list[tuple[int, list[Line]]]

    def batches(self, step: int, log: Sequence[Line]) -> list[Batch]:
        self.logs.append((step, list(log)))
        return []

    def objective(self, step: int, log: Sequence[Line]) -> Objective:
        self.logs.append((step, list(log)))
        return sft

    def rate(self, step: int) -> float:
        return 0.0


def test_each_course_sees_a_log_of_its_own_with_the_readings_of_the_other() -> None:
    main, refresh = Asked(4, []), Asked(4, [])
    both = Interleaved(main, refresh, 2, 2)
    log: list[Line] = [{"step": step} for step in range(8)]
    log[3]["monitor/kl"] = 0.5
    for step in range(both.steps):
        both.batches(step, log[:step])
        both.objective(step, log[:step])
    assert [step for step, _ in main.logs] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert all(len(seen) == step for step, seen in main.logs + refresh.logs)
    assert main.logs[-1][1] == [{"step": 0}, {"step": 1, "monitor/kl": 0.5}, {"step": 4}]
    assert refresh.logs[-1][1] == [{"step": 2}, {"step": 3, "monitor/kl": 0.5}, {"step": 6}]
    assert "monitor/kl" not in log[1]


def test_a_refreshing_course_that_is_too_short_is_refused() -> None:
    assert refreshes_due(5, 2, 3) == 6
    with pytest.raises(AssertionError, match="5 of 6 steps"):
        Interleaved(Asked(5, []), Asked(5, []), 2, 3)


def test_no_refresh_leaves_the_course_as_it_is() -> None:
    course = Asked(5, [])
    assert refreshed(course, rows("r", 1), PreferenceConfig(refresh_every=6), share=True) is course
    assert refreshed(course, rows("r", 1), PreferenceConfig(refresh_every=0), share=True) is course


def test_the_reference_is_the_anchor_while_the_last_kl_before_the_window_is_above_the_bound() -> None:
    config = PreferenceConfig(reference="reanchor", reference_every=2, anchor_kl=0.1)
    log: list[Line] = [{"start/kl": 0.0}, {"monitor/kl": 0.2}, {"monitor/kl": 0.05}, {}, {}]
    assert [window_start(step, 2) for step in range(5)] == [0, 0, 2, 2, 4]
    assert [goes_to_anchor(step, log[:step], config) for step in range(5)] == [False, False, True, True, False]
    assert not goes_to_anchor(2, log[:2], config.model_copy(update={"reference": "every"}))
    assert goes_to_anchor(2, [{}, {}], config), "a KL that nobody measured holds the reference at the anchor"


EVERY = PreferenceConfig(
    reference="every",
    reference_every=3,
    rows_per_step=2,
    epochs=2,
    learning_rate=3e-3,
    precision="float32",
    checkpoint_every=2,
    warmup=0,
    schedule="constant",
)


def run(
    model: Any, work: Path, config: PreferenceConfig, progress: Silent | None = None, anchor: Scorer | None = None
) -> list[Line]:
    """Eight steps of DPO, each moving the policy far enough to see."""
    score = forest_scorer(model, precision("float32"))
    inner = RowsCourse(random_groups(0, groups=8, pair=True), config, dpo(0.5), group_count)
    store = WindowStore(work / "windows")
    course = MovingReference(inner, config, score, store, None if anchor is None else lambda: anchor)
    checkpoints = Checkpoints(work / "checkpoint", "run")
    return train(model, course, score, config, checkpoints, work / "log.jsonl", progress or Silent())


def test_the_loss_right_after_a_move_is_ln_2_and_only_there(folder: Path, tmp_path: Path) -> None:
    losses = [line["loss"] for line in run(load(folder), tmp_path, EVERY)]
    assert len(losses) == 8
    for step, loss in enumerate(losses):
        if step % 3 == 0:
            assert loss == pytest.approx(math.log(2), abs=1e-7)
        else:
            assert abs(loss - math.log(2)) > 1e-4


def test_a_reference_that_moves_is_another_run_than_one_that_stays(folder: Path, tmp_path: Path) -> None:
    moved = [line["loss"] for line in run(load(folder), tmp_path / "a", EVERY)]
    stays = EVERY.model_copy(update={"reference_every": 99})
    stayed = [line["loss"] for line in run(load(folder), tmp_path / "b", stays)]
    assert moved[:3] == stayed[:3]
    assert moved[3:] != stayed[3:]


@pytest.mark.parametrize("killed_at", [1, 3, 5, 6, 7])
def test_a_run_killed_within_a_window_goes_on_bit_for_bit(folder: Path, tmp_path: Path, killed_at: int) -> None:
    whole: Any = load(folder)
    log = run(whole, tmp_path / "whole", EVERY)
    with pytest.raises(Killed):
        run(load(folder), tmp_path / "cut", EVERY, KillAt(killed_at))
    resumed: Any = load(folder)
    again = run(resumed, tmp_path / "cut", EVERY)
    assert [line["loss"] for line in again] == [line["loss"] for line in log]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_kill_while_a_window_is_scored_leaves_no_half_of_it(folder: Path, tmp_path: Path) -> None:
    def broken(batch: Batch) -> Any:
        raise Killed

    store = WindowStore(tmp_path)
    batches = RowsCourse(random_groups(0, groups=8, pair=True), EVERY, dpo(0.5), group_count).batches(0)
    with pytest.raises(Killed):
        store.write(0, [(0, batches)], broken)
    with pytest.raises(UserError, match="steps from 0 on are gone"):
        store.read(0, 0, batches)


def test_the_resumed_run_reads_the_windows_file_and_does_not_score_again(folder: Path, tmp_path: Path) -> None:
    """The bit-for-bit test can fail: with another file in its place the run differs."""
    log = run(load(folder), tmp_path / "whole", EVERY)
    with pytest.raises(Killed):
        run(load(folder), tmp_path / "cut", EVERY, KillAt(5))
    from safetensors.torch import load_file, save_file

    file = tmp_path / "cut" / "windows" / "window-00000003.safetensors"
    save_file({name: logp - torch.arange(len(logp)) for name, logp in load_file(file).items()}, file)
    assert [line["loss"] for line in run(load(folder), tmp_path / "cut", EVERY)] != [line["loss"] for line in log]
    file.unlink()


def test_reanchor_scores_the_window_by_the_anchor(folder: Path, tmp_path: Path) -> None:
    """Without a reading of the KL every window after the first is the anchor's: as if the reference had stayed."""
    config = EVERY.model_copy(update={"reference": "reanchor"})
    first: Any = load(folder)
    anchored = run(load(folder), tmp_path / "a", config, anchor=forest_scorer(first, precision("float32")))
    stays = EVERY.model_copy(update={"reference_every": 99})
    stayed = run(load(folder), tmp_path / "b", stays)
    assert [line["loss"] for line in anchored] == [line["loss"] for line in stayed]
    assert [line["anchored"] for line in anchored] == [0, 0, 0, 1, 1, 1, 1, 1]
