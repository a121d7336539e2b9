"""Our side: the training room's own packing, scorer, objectives and optimiser step, timed around each step."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.channel import Channel, peak_megabytes
from trimtab.model import load
from trimtab.model.heads import load_reward
from trimtab.records import Silent
from trimtab.train.config import TrainConfig
from trimtab.train.course import Denominator, group_count, trained_weight
from trimtab.train.forest.batch import Batch, Group, TokenSequence
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import Precision, precision
from trimtab.train.forest.score import Chosen, choose_reward_scorer, choose_scorer
from trimtab.train.loop import optimiser_step
from trimtab.train.objectives import Objective, dpo, sft
from trimtab.train.objectives.reward import bradley_terry
from trimtab.train.optimisers import adamw
from trimtab.train.pages import pages_held
from trimtab.train.reference import ReferenceCache

Row = dict[str, Any]
Line = dict[str, float]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model in training: what an optimiser step needs besides its rows."""

    model: Any
    optimizer: torch.optim.Optimizer
    config: TrainConfig
    chosen: Chosen
    objective: Objective
    denominator: Denominator
    ends: bool = False
    """Whether a sequence's very last token is computed too, for a scalar head to read."""

    def pack(self, groups: list[Group]) -> list[Batch]:
        """The step's micro-batches, as a course makes them."""
        budget, share = self.config.token_budget, self.chosen.share
        return pack(groups, budget, self.denominator(groups), share=share, ends=self.ends)

    def step(self, groups: list[Group]) -> Line:
        """Pack, score, add up, move once: an optimiser step as the loop does it."""
        batches, rate = self.pack(groups), self.config.peak_rate
        return optimiser_step(
            self.model, self.optimizer, batches, self.chosen.score, self.objective, rate, self.config.clip
        )


Step = Callable[[int], Line]
"""One optimiser step by its number; returns its loss, tokens and the seconds that are counted apart."""


def numbers_of(job: Row) -> Precision:
    """float32 weights on every side; bfloat16 autocast where the job is not about equality."""
    return precision("float32" if job["setting"] == "float32" else "bfloat16")


def opened(job: Row, groups: list[Group], objective: Objective, denominator: Denominator) -> Trained:
    """The language model as ``trimtab train`` opens it."""
    numbers = numbers_of(job)
    model: Any = load(Path(job["model"]), dtype=str(numbers.parameters).removeprefix("torch."))
    config = TrainConfig(method=job["objective"], learning_rate=job["learning_rate"])
    chosen = choose_scorer(model, numbers, groups[:2])
    return Trained(model, adamw(model, config), config, chosen, objective, denominator)


def sft_side(job: Row, steps: list[list[Row]]) -> tuple[Trained, Step]:
    """Supervised fine-tuning."""
    groups: list[list[Group]] = [[(sequence(row["ids"], row["trained"]),) for row in rows] for rows in steps]
    trained = opened(job, groups[0], sft, trained_weight)
    return trained, lambda number: trained.step(groups[number])


def reward_side(job: Row, steps: list[list[Row]]) -> tuple[Trained, Step]:
    """A reward model, its scalar head begun where the other side's begins."""
    groups, numbers = [[pair(row) for row in rows] for rows in steps], numbers_of(job)
    model: Any = load_reward(Path(job["model"]))
    with torch.no_grad():
        model.score.weight.copy_(torch.tensor([job["head"]]))
    config = TrainConfig(method="reward", learning_rate=job["learning_rate"])
    chosen = choose_reward_scorer(model, numbers, groups[0][:2])
    trained = Trained(model, adamw(model, config), config, chosen, bradley_terry(), group_count, ends=True)
    return trained, lambda number: trained.step(groups[number])


def dpo_side(job: Row, steps: list[list[Row]]) -> tuple[Trained, Step]:
    """Preference optimisation; the cache scores the reference for every step before the first, as in a real run."""
    groups = [[pair(row) for row in rows] for rows in steps]
    trained = opened(job, groups[0], dpo(job["beta"]), group_count)
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        cache = ReferenceCache(Path(folder))
        for rows in groups:
            began = time.perf_counter()
            cache.fill([trained.pack(rows)], trained.chosen.score, Silent())
            seconds.append(time.perf_counter() - began)
    known = [[cache.attach(group) for group in rows] for rows in groups]

    def step(number: int) -> Line:
        return trained.step(known[number]) | {"reference_seconds": seconds[number]}

    return trained, step


def sequence(ids: list[int], trained: list[int], example_id: str = "", label: int = 0) -> TokenSequence:
    """Tokens and 0/1 weights as the training room takes them."""
    return TokenSequence(np.array(ids), np.array(trained, dtype=np.float32), example_id, label)


def pair(row: Row) -> Group:
    """Chosen and rejected over one prompt."""
    prompt: list[int] = row["prompt"]
    return tuple(
        sequence(prompt + row[name], [0] * len(prompt) + [1] * len(row[name]), f"{row['id']}/{name}", label)
        for name, label in (("chosen", 1), ("rejected", -1))
    )


def side_of(job: Row, steps: list[list[Row]]) -> tuple[Trained, Step]:
    """The side for the job's objective."""
    if job["objective"] == "grpo":
        from benchmarks.train.ours_rl import grpo_side

        return grpo_side(job, steps)
    return {"sft": sft_side, "dpo": dpo_side, "reward": reward_side}[job["objective"]](job, steps)


def main() -> None:
    """Reads the job, trains in turn, reports the peak of memory."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    steps = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    trained, step = side_of(job, steps)
    parameters = sum(parameter.numel() for parameter in trained.model.parameters())
    channel.say(ready=True, threads=torch.get_num_threads(), parameters=parameters, shared=trained.chosen.share)
    with pages_held():  # as the loop does
        for number in range(len(steps)):
            channel.wait()
            began = time.perf_counter()
            line = step(number)
            channel.say(**line | {"seconds": time.perf_counter() - began})
    channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
