"""Reinforcement learning: each step samples groups from the current weights, grades them and moves once.

``train_rl`` is the run. ``open_rl`` gives the same as parts, and ``rl_step`` makes one whole step of it (rollouts,
rewards, reference, update), which is what a benchmark or a notebook wants::

    run = open_rl(model_folder, prompts, reward, RlConfig(group=8, max_new_tokens=64), work=work)
    line = rl_step(run, 0)          # metrics; "rollout_seconds" of it were sampling, "seconds" the update
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from trimtab.engine.rollouts import Draw, Rollout, RolloutSampler, Sample
from trimtab.model import Dialect, weights_digest
from trimtab.records import Progress, Silent, UserError, digest
from trimtab.train.batch import Batch, Group, TokenSequence
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import RlConfig, TrainReport
from trimtab.train.control import (
    UNCONTROLLED,
    DriftControl,
    check_control,
    control_facts,
    reference_folder_of,
    watch_of,
    with_refreshes,
)
from trimtab.train.course import Line
from trimtab.train.distributed import world
from trimtab.train.forest import pack
from trimtab.train.job import Fitted, Job, complete
from trimtab.train.loop import optimiser_step, train
from trimtab.train.objectives.base import Metrics, Objective
from trimtab.train.objectives.policy import adaptive_beta, completion_count, policy, weigh
from trimtab.train.optimisers import adamw
from trimtab.train.precision import Precision, precision
from trimtab.train.rewards import Reward, grade, reward_name
from trimtab.train.rl_reference import FixedReference, MovedReference, ReferenceModel
from trimtab.train.rollout import (
    Prompt,
    Rolled,
    RolledGroup,
    RolloutFiles,
    completion_ids,
    read_completion,
    token_group,
    with_logp,
)
from trimtab.train.run import open_model
from trimtab.train.schedule import learning_rate, step_rows
from trimtab.train.score import Chosen, Scorer, Scores, forest_scorer
from trimtab.train.sharding import everyones, shared_scores

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


@dataclass(frozen=True, slots=True)
class RlRun:
    """An opened run: what ``rl_step`` moves."""

    model: Any
    course: RlCourse
    score: Scorer
    optimizer: torch.optim.Optimizer
    notes: tuple[str, ...] = ()


def open_rl(
    model_folder: Path,
    prompts: Sequence[Prompt],
    reward: Reward,
    config: RlConfig,
    *,
    work: Path,
    reference_folder: Path | None = None,
) -> RlRun:
    """The parts of a run, to be stepped by hand with ``rl_step``. Raises UserError."""
    job = Job(model_folder, config, work, work / "out", Silent())
    job.check("rl")
    opened = _open(job, config, prompts, reward, reference_folder, UNCONTROLLED, "by hand")
    return RlRun(opened.model, opened.course, opened.chosen.score, adamw(opened.model, config), opened.notes)


def rl_step(run: RlRun, step: int, log: Sequence[Line] = ()) -> Line:
    """One whole step: rollouts, rewards, reference log-probs, and the move. ``log`` has the lines of those before."""
    began, course = time.perf_counter(), run.course
    batches, objective = course.batches(step, log), course.objective(step, log)
    ready = time.perf_counter() - began
    line = optimiser_step(
        run.model, run.optimizer, batches, run.score, objective, course.rate(step), course.config.clip
    )
    return {"step": float(step), **line, "rollout_seconds": ready}


def train_rl(
    model_folder: Path,
    prompts: Sequence[Prompt],
    reward: Reward,
    config: RlConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
    reference_folder: Path | None = None,
    control: DriftControl = UNCONTROLLED,
) -> TrainReport:
    """Raises what ``reward`` gives to completions of ``prompts``, and writes the model to ``out``.

    ``J(π) = E[r] − β KL(π ‖ π_ref)``; the reference is ``reference_folder``, by default the model as it came.
    ``work`` holds checkpoints, ``metrics.jsonl`` and all rollouts with their rewards; a killed run called again with
    the same arguments goes on bit for bit. Raises UserError.
    """
    job = Job(model_folder, config, work, out, progress or Silent())
    job.check("rl")
    check_control(config, control)
    given = reference_folder_of(job, control, reference_folder)
    identity = job.identity(
        precision=precision(config.precision).name,
        reference=None if given in (None, model_folder) or given is None else weights_digest(given),
        dialect=Dialect.of(model_folder).digest,
        reward=reward_name(reward),
        prompts=[prompt.id for prompt in prompts],
        **control_facts(job, control),
    )

    def fit(checkpoints: Checkpoints) -> Fitted:
        run = _open(job, config, prompts, reward, reference_folder, control, identity)
        course, dropped = with_refreshes(job, run.course, control, run.course.dialect, run.chosen.share)
        watch = watch_of(job, control, course.steps, identity, precision(config.precision))
        log = train(run.model, course, run.chosen.score, config, checkpoints, job.log, job.progress, watch)
        metrics = {"rows_dropped": float(len(prompts) - len(run.course.asked))}
        return Fitted(run.model, log, len(run.course.asked), metrics, (*run.notes, *dropped))

    return complete(job, identity, fit)


class _Opened(NamedTuple):
    model: Any
    course: RlCourse
    chosen: Chosen
    notes: tuple[str, ...]


def _open(
    job: Job,
    config: RlConfig,
    prompts: Sequence[Prompt],
    reward: Reward,
    reference_folder: Path | None,
    control: DriftControl,
    identity: str,
) -> _Opened:
    dialect, numbers = Dialect.of(job.model_folder), precision(config.precision)
    asked, dropped = _asked(prompts, dialect, config)
    probe = [_probe(asked)]
    model, chosen = open_model(job.model_folder, probe, numbers, config)
    if config.entropy and chosen.share:
        chosen = chosen._replace(score=forest_scorer(model, numbers, entropy=True))
    sampler = RolloutSampler(model, dtype=numbers.compute, stop_ids=dialect.stop_ids)
    notes = [f"no prefix sharing: {chosen.reason}"] if chosen.reason else []
    notes += [f"rollouts by transformers: {sampler.reason}"] if sampler.reason else []
    course = RlCourse(
        asked,
        config,
        dialect,
        sampler.sample,
        reward,
        chosen.score,
        _reference(job, config, model, probe, numbers, reference_folder, control) if config.beta else None,
        RolloutFiles(job.work / "rollouts"),
        identity,
        chosen.share,
    )
    return _Opened(model, course, chosen, (*notes, *dropped))


def _asked(prompts: Sequence[Prompt], dialect: Dialect, config: RlConfig) -> tuple[list[Asked], tuple[str, ...]]:
    """The prompts as tokens, and a note for each that was dropped. Raises UserError as ``rows.groups_of`` does."""
    asked, dropped = [], []
    for number, prompt in enumerate(prompts, start=1):
        try:
            ids = tuple(dialect.encode(prompt.messages, prompt.tools, reply=True))
            if len(ids) + config.max_new_tokens > config.max_tokens:
                raise UserError(
                    f"{len(ids)} tokens and {config.max_new_tokens} new ones",
                    expected=f"at most {config.max_tokens} (max_tokens)",
                )
            asked.append(Asked(prompt, ids))
        except UserError as error:
            name = f"prompt {number} ({prompt.id[:12]})"
            if config.bad_rows == "stop":
                fix = error.fix or "Mend the prompt, or set bad_rows to drop"
                raise UserError(f"{name}: {error.message}", expected=error.expected, fix=fix) from error
            dropped.append(f"dropped {name}: {error.message}")
    if not asked:
        raise UserError("no prompt to sample from", expected="at least one usable prompt", fix="; ".join(dropped[:3]))
    return asked, tuple(dropped)


def _probe(asked: Sequence[Asked]) -> Group:
    """Two sequences over the shortest prompt, on which scorers are held against transformers' own forward."""
    ids = min((one.ids for one in asked), key=len)
    weight_L = np.zeros(len(ids) + 2, np.float32)
    weight_L[-3:] = 1
    return tuple(TokenSequence(np.array([*ids, *end], np.int64), weight_L) for end in (ids[:2], ids[-2:]))


def _reference(
    job: Job,
    config: RlConfig,
    model: Any,
    probe: Sequence[Group],
    numbers: Precision,
    given: Path | None,
    control: DriftControl,
) -> ReferenceModel:
    """The reference as a model of its own, opened and computed just as the policy is."""

    def opened(folder: Path, own: RlConfig) -> tuple[Any, Scorer]:
        other, chosen = open_model(folder, list(probe), numbers, own)
        return other, chosen.score

    folder, plain = reference_folder_of(job, control, given), config.model_copy(update={"lora": None})
    if folder is not None:
        return FixedReference(opened(folder, plain)[1])
    copy, score = opened(job.model_folder, config)
    anchor = control.anchor_folder
    return MovedReference(
        model,
        copy,
        score,
        config,
        job.drift / "reference",
        None if anchor is None else lambda: opened(anchor, plain)[1],
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
