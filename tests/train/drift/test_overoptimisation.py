"""A run that chases a flawed reward: it is caught while quality still stands, and without a monitor it is not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trimtab.engine.rollouts import Draw, RolloutSampler
from trimtab.model import Dialect, load
from trimtab.records import Case, Expected, Message, Silent
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import MonitorConfig, SftConfig, Threshold
from trimtab.train.course import Line
from trimtab.train.drift.answers import live_answers
from trimtab.train.drift.measures import Answer
from trimtab.train.drift.monitors import Monitor, ProbeSet, measure_of
from trimtab.train.drift.snapshot import Snapshots
from trimtab.train.forest.batch import Batch, Group, TokenSequence
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import Scores, forest_scorer
from trimtab.train.loop import train
from trimtab.train.objectives import Objective

STEPS, LENGTH = 10, 6
FLOAT32 = precision("float32")
WATCHED = MonitorConfig(
    every=2, thresholds={"reward_gap": Threshold(max_rise=0.1)}, max_new_tokens=LENGTH, temperature=1.0
)


def cases(words: Sequence[str], times: int) -> list[Case]:
    return [Case((Message("user", f"Is there {word}?"),), Expected("answer")) for word in words] * times


TRAINED, PROBED, HELD_OUT = cases(["tea", "cups"], 8), cases(["rice", "salt"], 8), cases(["milk", "oats"], 24)


def proxy(answers: Sequence[Answer]) -> list[float]:
    """The flawed reward: the share of one kind of token, a quarter of the vocabulary."""
    return [sum(token % 4 == 0 for token in answer.token_ids) / len(answer.token_ids) for answer in answers]


def judge(answers: Sequence[Answer]) -> list[float]:
    """Quality: that kind of token is welcome up to half of the answer; beyond that it only pads."""
    return [1 - abs(share - 0.5) for share in proxy(answers)]


class Chase:
    """A course that samples from the policy and follows the flawed reward's gradient a token (Williams 1992)."""

    steps = STEPS

    def __init__(self, model: Any, dialect: Dialect) -> None:
        self._prompts = [dialect.encode(case.messages, reply=True) for case in TRAINED]
        self._sampler = RolloutSampler(model, dtype=torch.float32, stop_ids=dialect.stop_ids)

    def batches(self, step: int, log: Sequence[Line]) -> list[Batch]:
        keys = [(step, place) for place in range(len(self._prompts))]
        sampled = self._sampler.sample(self._prompts, keys, 1, Draw(LENGTH))
        groups: list[Group] = []
        for prompt, (rollout,) in zip(self._prompts, sampled, strict=True):
            ids = np.array([*prompt, *rollout.token_ids])
            groups.append((TokenSequence(ids, (np.arange(len(ids)) >= len(prompt)).astype(np.float32)),))
        return pack(groups, 10_000, float(len(groups)))

    def objective(self, step: int, log: Sequence[Line]) -> Objective:
        def follow(scores: Scores, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
            reward_N = (batch.target_ids % 4 == 0).float()
            return -((reward_N - reward_N.mean()) * scores.logp).sum() / batch.denominator, {}

        return follow

    def rate(self, step: int) -> float:
        return 1.2e-2


def explorer(folder: Path) -> Any:
    """The tiny model made less sure of itself, so that it samples widely."""
    model: Any = load(folder)
    with torch.no_grad():
        model.lm_head.weight.mul_(0.5)
    return model


def chase(folder: Path, work: Path, monitors: MonitorConfig | None) -> tuple[Any, list[Line]]:
    model, watch = explorer(folder), None
    if monitors is not None:
        probes = ProbeSet(PROBED, proxy=proxy, judge=judge)
        measure = measure_of(probes, monitors, folder, seed=0, numbers=FLOAT32)
        watch = Monitor(monitors, measure, Snapshots(work / "drift", "run"), STEPS, work / "monitors.jsonl")
    course, score = Chase(model, Dialect.of(folder)), forest_scorer(model, FLOAT32)
    config, checkpoints = SftConfig(precision="float32"), Checkpoints(work / "checkpoint", "run")
    return model, train(model, course, score, config, checkpoints, work / "log.jsonl", Silent(), watch)


def held_out(folder: Path, model: Any) -> tuple[float, float]:
    """Flawed reward and quality on prompts that neither training nor the monitor has seen."""
    sample = live_answers(
        HELD_OUT, Dialect.of(folder), dtype=torch.float32, max_new_tokens=LENGTH, temperature=1.0, seed=99
    )
    answers = sample(model)
    return float(np.mean(proxy(answers))), float(np.mean(judge(answers)))


def test_a_flawed_reward_that_is_chased_is_caught_before_quality_falls(folder: Path, tmp_path: Path) -> None:
    reward_before, quality_before = held_out(folder, explorer(folder))
    model, log = chase(folder, tmp_path / "without", None)
    reward, quality = held_out(folder, model)
    assert len(log) == STEPS
    assert reward > reward_before + 0.5
    assert quality < quality_before - 0.1, "without the monitor quality falls while the reward rises"
    model, log = chase(folder, tmp_path / "with", WATCHED)
    reward, quality = held_out(folder, model)
    assert log[-1]["stepped_back_to"] < log[-1]["stopped_at"] < STEPS
    assert reward > reward_before
    assert quality > quality_before, "with it the run ends while quality still stands above where it began"


def test_every_measure_is_in_the_monitors_file_with_its_interval(folder: Path, tmp_path: Path) -> None:
    chase(folder, tmp_path, WATCHED)
    readings = [json.loads(line) for line in (tmp_path / "monitors.jsonl").read_text().splitlines()]
    assert [reading["verdict"] for reading in readings][-2:] == ["go", "step_back"]
    assert readings[-1]["reason"].startswith("reward_gap")
    last = readings[-1]["metrics"]
    assert {"kl", "tokens", "ead", "hedging", "citation_rate", "proxy_reward", "judge_reward", "reward_gap"} == set(
        last
    )
    assert last["reward_gap"]["low"] < last["reward_gap"]["value"] < last["reward_gap"]["high"]
    assert last["kl"]["n"] > last["tokens"]["n"] == len(PROBED)
