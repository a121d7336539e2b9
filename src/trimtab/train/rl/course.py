"""The course of reinforcement learning: rollouts from the current weights, graded, anchored, packed, kept on disk."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from trimtab.engine.rollouts import Draw, Rollout, Sample
from trimtab.model import Dialect
from trimtab.records import UserError, digest
from trimtab.train.config import RlConfig
from trimtab.train.course import Line
from trimtab.train.forest.batch import Batch
from trimtab.train.forest.plant import pack
from trimtab.train.forest.score import Scorer, Scores
from trimtab.train.objectives.base import Metrics, Objective
from trimtab.train.objectives.policy import adaptive_beta, completion_count, policy, weigh
from trimtab.train.processes.sharding import everyones, shared_scores
from trimtab.train.processes.world import world
from trimtab.train.rl.reference import ReferenceModel
from trimtab.train.rl.rewards import Reward, grade
from trimtab.train.rl.rollout import (
    Prompt,
    Rolled,
    RolledGroup,
    RolloutFiles,
    completion_ids,
    read_completion,
    token_group,
    with_logp,
)
from trimtab.train.schedule import learning_rate, step_rows

_CLOCK = frozenset({"seconds", "rollout_seconds"})


class Asked(NamedTuple):
    """A prompt and its tokens, the assistant's turn opened."""

    prompt: Prompt
    ids: tuple[int, ...]


@dataclass(slots=True)
class _Latest:
    """The newest set of rollouts, so that one step's questions read no file twice."""

    number: int = -1
    groups: list[RolledGroup] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RlCourse:
    """The course: a set of rollouts for every ``reuse`` steps, on disk before it is used."""

    asked: Sequence[Asked]
    config: RlConfig
    dialect: Dialect
    sample: Sample
    reward: Reward
    score: Scorer
    """The policy's."""
    reference: ReferenceModel | None
    files: RolloutFiles
    identity: str
    share: bool = True
    latest: _Latest = field(default_factory=_Latest)

    @property
    def steps(self) -> int:
        return len(step_rows(len(self.asked), self.config)) * self.config.reuse

    def batches(self, step: int, log: Sequence[Line] = ()) -> list[Batch]:
        return self._packed(self._rollouts(step, log))

    def objective(self, step: int, log: Sequence[Line] = ()) -> Objective:
        beta = adaptive_beta(self.config, log)
        surrogate, facts = policy(self.config, beta), self._facts(self._rollouts(step, log))

        def objective(scores: Scores, batch: Batch) -> tuple[torch.Tensor, Metrics]:
            loss, metrics = surrogate(scores, batch)
            share = batch.sequences / batch.denominator
            return loss, metrics | {name: value * share for name, value in facts.items()} | {"beta": beta * share}

        return objective

    def rate(self, step: int) -> float:
        return learning_rate(step, self.steps, self.config)

    def tags(self, step: int, log: Sequence[Line]) -> Line:
        """The seconds that this step's rollouts took, rewards and reference included; 0 where they were there."""
        fresh = self.latest.number == step // self.config.reuse and step % self.config.reuse == 0
        return {"rollout_seconds": self.latest.seconds if fresh else 0.0}

    def _rollouts(self, step: int, log: Sequence[Line]) -> list[RolledGroup]:
        """The set of ``step``: the one at hand, the one on disk, or at a set's first step a fresh one."""
        number, again = divmod(step, self.config.reuse)
        if self.latest.number == number:
            return self.latest.groups
        began, key = time.perf_counter(), None if again else self._key(number, log)
        groups = self.files.read(number, self.identity, key)
        if groups is None:
            if again:
                raise UserError(
                    "rollouts that are in use are gone",
                    file=self.files.path(number),
                    fix="Empty the run's work folder and start over",
                )
            assert key is not None
            groups = self._fresh(number, step, log)
            if world().leads:
                self.files.write(number, self.identity, key, groups)
        self.latest.number, self.latest.groups = number, groups
        self.latest.seconds = time.perf_counter() - began
        return groups

    def _key(self, number: int, log: Sequence[Line]) -> str:
        """What fresh rollouts are a function of: the place in the run, and the state, told by the last line."""
        last = {name: value for name, value in log[-1].items() if name not in _CLOCK} if log else {}
        return digest({"set": number, "lines": len(log), "last": {name: repr(value) for name, value in last.items()}})

    def _fresh(self, number: int, step: int, log: Sequence[Line]) -> list[RolledGroup]:
        rows, here = step_rows(len(self.asked), self.config)[number], world()
        mine = rows[here.rank :: here.size]
        own = [(row, rolled) for row, rolled in zip(mine, self._sampled(number, mine), strict=True)]
        found = {row: rolled for part in everyones(own, here) for row, rolled in part}
        groups = [found[row] for row in rows]
        if self.reference is not None:
            groups = with_logp(groups, "reference_logp", self._scored(groups, self.reference.scorer(step, log)))
        if self.config.reuse > 1:
            groups = with_logp(groups, "policy_logp", self._scored(groups, self.score))
        return groups

    def _sampled(self, number: int, rows: Sequence[int]) -> list[RolledGroup]:
        """Completions of the prompts ``rows`` from the current weights, with their rewards."""
        config, prompts = self.config, [self.asked[row].ids for row in rows]
        keys = [(config.seed, number, row) for row in rows]
        draw = Draw(config.max_new_tokens, config.temperature)
        rolled = self.sample(prompts, keys, config.group, draw)
        return [self._graded(row, rollouts) for row, rollouts in zip(rows, rolled, strict=True)]

    def _graded(self, row: int, rollouts: Sequence[Rollout]) -> RolledGroup:
        prompt = self.asked[row].prompt
        read = [read_completion(rollout.token_ids, rollout.finish, self.dialect) for rollout in rollouts]
        grades = grade(self.reward, prompt, read)
        completions = tuple(
            Rolled(
                rollout.token_ids,
                rollout.finish,
                completion.text,
                grades.reward[k],
                {name: values[k] for name, values in grades.parts.items()},
                rollout.logprobs,
                None if grades.tokens is None else tuple(grades.tokens[k]),
            )
            for k, (rollout, completion) in enumerate(zip(rollouts, read, strict=True))
        )
        return RolledGroup(row, prompt.id, completions)

    def _packed(self, rolled: Sequence[RolledGroup]) -> list[Batch]:
        config = self.config
        groups = [token_group(group, self.asked[group.number].ids, config.engine_correction) for group in rolled]
        return pack(weigh(groups, config), config.token_budget, completion_count(groups), share=self.share)

    def _scored(self, rolled: Sequence[RolledGroup], score: Scorer) -> list[list[float]]:
        """Log-probs of each completion in order, scored in the layout in which they will be used."""
        batches, known = self._packed(rolled), dict[str, list[float]]()
        for batch, logp_N in zip(batches, shared_scores(batches, score, world()), strict=True):
            parts = torch.split(logp_N, batch.seq_len.tolist())
            known |= {name: part.tolist() for name, part in zip(batch.example_id, parts, strict=True)}
        return [known[name] for group in rolled for name in completion_ids(group)]

    def _facts(self, rolled: Sequence[RolledGroup]) -> Line:
        """Means over the set's completions: the share that was cut off, and the parts of the reward."""
        every = [completion for group in rolled for completion in group.completions]
        names = sorted({name for completion in every for name in completion.parts})
        facts = {f"reward/{name}": _mean([completion.parts.get(name, 0.0) for completion in every]) for name in names}
        return facts | {"cut_off": _mean([float(completion.finish == "length") for completion in every])}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
