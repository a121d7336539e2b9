"""Reinforcement learning: each step samples groups from the current weights, grades them and moves once.

``train_rl`` is the run. ``open_rl`` gives the same as parts, and ``rl_step`` makes one whole step of it (rollouts,
rewards, reference, update), which is what a benchmark or a notebook wants::

    run = open_rl(model_folder, prompts, reward, RlConfig(group=8, max_new_tokens=64), work=work)
    line = rl_step(run, 0)          # metrics; "rollout_seconds" of it were sampling, "seconds" the update
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from trimtab.engine.rollouts import RolloutSampler
from trimtab.model import Dialect, load, weights_digest
from trimtab.records import Progress, Silent, UserError
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import RlConfig, TrainReport
from trimtab.train.course import Line
from trimtab.train.drift.control import (
    UNCONTROLLED,
    DriftControl,
    check_control,
    control_facts,
    reference_folder_of,
    watch_of,
    with_refreshes,
)
from trimtab.train.forest.batch import Group, TokenSequence
from trimtab.train.forest.precision import Precision, precision
from trimtab.train.forest.score import Chosen, Scorer, forest_scorer
from trimtab.train.job import Fitted, Job, complete
from trimtab.train.loop import optimiser_step, train
from trimtab.train.optimisers import adamw
from trimtab.train.processes.sharding import is_sharded, through
from trimtab.train.processes.world import world
from trimtab.train.rl.course import Asked, RlCourse
from trimtab.train.rl.reference import FixedReference, MovedReference, ReferenceModel
from trimtab.train.rl.rewards import Reward, reward_name
from trimtab.train.rl.rollout import Prompt, RolloutFiles
from trimtab.train.run import open_model


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
        score = forest_scorer(model, numbers, entropy=True)
        chosen = chosen._replace(score=through(model, score) if is_sharded(model) else score)
    sampler = _sampler(job, model, numbers, dialect)
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


def _sampler(job: Job, model: Any, numbers: Precision, dialect: Dialect) -> RolloutSampler:
    """The sampler of the live model; over several processes its decode forward is checked on a whole one first."""
    if world().size == 1:
        return RolloutSampler(model, dtype=numbers.compute, stop_ids=dialect.stop_ids)
    whole = load(job.model_folder).to(world().device)
    if reason := RolloutSampler(whole, dtype=numbers.compute, stop_ids=dialect.stop_ids).reason:
        raise UserError(
            f"rollouts over several processes need the fast decode forward ({reason})", fix="Run in one process"
        )
    return RolloutSampler(model, dtype=numbers.compute, stop_ids=dialect.stop_ids, check=False)


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
    if world().size > 1:
        raise UserError(f"reference: {config.reference} runs in one process", field="reference", expected="sft | fixed")
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
