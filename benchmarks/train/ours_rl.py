"""Our side of GRPO: the training room's course of reinforcement learning, its sampling timed apart."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.train.ours import Line, Row, Step, Trained, numbers_of
from trimtab.engine.rollouts import Draw, Rollout, RolloutSampler
from trimtab.model import Dialect, load
from trimtab.records import Message
from trimtab.train.config import RlConfig
from trimtab.train.forest.score import Chosen, forest_scorer
from trimtab.train.loop import optimiser_step
from trimtab.train.objectives.policy import completion_count, policy
from trimtab.train.optimisers import adamw
from trimtab.train.rl.course import Asked, RlCourse
from trimtab.train.rl.rollout import Completion, Prompt, RolloutFiles
from trimtab.train.schedule import step_rows


@dataclass
class Stopwatch:
    """A sampler that knows how long it took. Its rollouts never stop early, so both sides generate as much."""

    sampler: RolloutSampler
    seconds: float = 0.0

    def sample(
        self, prompts: Sequence[Sequence[int]], keys: Sequence[Sequence[int]], group: int, draw: Draw
    ) -> list[list[Rollout]]:
        """As ``RolloutSampler.sample``."""
        began = time.perf_counter()
        found = self.sampler.sample(prompts, keys, group, draw)
        self.seconds = time.perf_counter() - began
        return found


def letters(prompt: Prompt, completions: Sequence[Completion]) -> list[float]:
    """The share of the letter e: some reward that differs between completions, the same as on the other side."""
    return [completion.text.count("e") / (len(completion.text) + 1) for completion in completions]


def grpo_side(job: Row, steps: list[list[Row]]) -> tuple[Trained, Step]:
    """Rollouts from the current weights, rewards, group advantages and one move, for each prompt."""
    numbers = numbers_of(job)
    config = RlConfig(
        learning_rate=job["learning_rate"],
        rows_per_step=1,
        group=job["rollouts"],
        max_new_tokens=job["new_tokens"],
        advantage="grpo",
        aggregation="token",
        beta=0.0,  # TRL's default: no reference
    )
    model: Any = load(Path(job["model"]), dtype=str(numbers.parameters).removeprefix("torch."))
    chosen = Chosen(forest_scorer(model, numbers), True, "")
    scratch = tempfile.TemporaryDirectory()
    watch = Stopwatch(RolloutSampler(model, dtype=numbers.compute, stop_ids=()))
    trained = Trained(model, adamw(model, config), config, chosen, policy(config, config.beta), completion_count)
    course = RlCourse(
        asked=_asked([rows[0] for rows in steps], config),
        config=config,
        dialect=Dialect.of(Path(job["model"])),
        sample=watch.sample,
        reward=letters,
        score=chosen.score,
        reference=None,
        files=RolloutFiles(Path(scratch.name)),
        identity="benchmark",
    )
    log: list[Line] = []

    def step(number: int) -> Line:
        batches, objective = course.batches(number, log), course.objective(number, log)
        line = optimiser_step(model, trained.optimizer, batches, chosen.score, objective, config.peak_rate, config.clip)
        log.append({"step": number, **line})
        assert scratch.name, "the rollouts' folder lives as long as the steps"
        return line | {"generation_seconds": watch.seconds}

    return trained, step


def _asked(rows: Sequence[Row], config: RlConfig) -> list[Asked]:
    """The prompts placed so that the course's own shuffling asks them in the order of ``rows``."""
    order = [step[0] for step in step_rows(len(rows), config)]
    placed = dict(zip(order, rows, strict=True))
    return [
        Asked(Prompt((Message("user", placed[place]["text"]),)), tuple(placed[place]["prompt"]))
        for place in range(len(rows))
    ]
