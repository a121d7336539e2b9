"""The one training loop: for each optimiser step pack its rows, add up the micro-batches' gradients, move once."""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.memory import give_back
from trimtab.records import Progress
from trimtab.train.checkpoint import Checkpoints, Position
from trimtab.train.config import TrainConfig
from trimtab.train.course import Course, Line, tags_of
from trimtab.train.curves.writers import open_writers
from trimtab.train.drift.watch import Verdict, Watch
from trimtab.train.finite import NotFinite, finite, not_a_number
from trimtab.train.forest.batch import Batch
from trimtab.train.forest.score import Scorer
from trimtab.train.objectives import Objective
from trimtab.train.optimisers import adamw, settle
from trimtab.train.pages import pages_held
from trimtab.train.processes.sharding import added_up, clip_gradients, deal, everyones, sync_gradients
from trimtab.train.processes.world import world

_TRIM_EVERY = 8
"""Steps between two returns of free pages: forests of changing size leave holes that add up to gigabytes."""


@pages_held()
def train(
    model: Any,
    course: Course,
    score: Scorer,
    config: TrainConfig,
    checkpoints: Checkpoints,
    log: Path,
    progress: Progress,
    watch: Watch | None = None,
) -> list[Line]:
    """Trains ``model`` in place from the newest checkpoint on; returns the log, a line for each step that was made.

    ``watch`` is asked after every step and may end the run early. Raises UserError where the loss is no longer a
    number.
    """
    steps, optimizer = course.steps, adamw(model, config)
    position = checkpoints.load(model, optimizer)
    _write_log(log, position)
    progress.start(f"train {config.method}", steps)
    progress.advance(position.step)
    start = watch.before(model) if watch is not None and not position.log else {}
    verdict = Verdict()
    with open_writers(config, log.parent, position.step) as write:
        for step in range(position.step, steps):
            batches, objective = course.batches(step, position.log), course.objective(step, position.log)
            try:
                line = optimiser_step(model, optimizer, batches, score, objective, course.rate(step), config.clip)
            except NotFinite as error:
                raise not_a_number("loss", step, [error.batch]) from error
            if not math.isfinite(line["loss"]) or not math.isfinite(line["grad_norm"]):
                raise not_a_number("gradient", step, batches)
            position.step = step + 1
            position.log.append({"step": step, **line, **tags_of(course, step, position.log), **start})
            start = {}
            if watch is not None:
                verdict = watch.after(step, model, position.log)
                position.log[-1].update(verdict.metrics)
            _append_log(log, position)
            write(step, position.log[-1])
            progress.advance(1, _note(line))
            if position.step % _TRIM_EVERY == 0:
                give_back()
            if verdict.action != "go":
                break
            if position.step % config.checkpoint_every == 0 and position.step < steps:
                checkpoints.save(position, model, optimizer)
    if verdict.action != "step_back":  # the masters are those of the step that was given up
        settle(model, optimizer)
    return position.log


def optimiser_step(
    model: Any,
    optimizer: torch.optim.Optimizer,
    batches: list[Batch],
    score: Scorer,
    objective: Objective,
    rate: float,
    clip: float,
) -> dict[str, float]:
    """One move of the parameters; returns what the step measured. Micro-batches add up to the whole exactly.

    With several processes each runs its share of the micro-batches; all return the same.
    """
    began, here = time.perf_counter(), world()
    parts: list[dict[str, float]] = []
    mine = deal(batches, here)
    for place, (batch, share) in enumerate(mine, start=1):
        sync_gradients(model, last=place == len(mine))
        batch = batch.to(next(model.parameters()).device)
        loss, metrics = objective(score(batch), batch)
        value = finite(loss.item(), batch)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        if share:
            parts.append(metrics | {"loss": value})
    totals = added_up(everyones(added_up(parts), here))
    norm = clip_gradients(model, clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return totals | {
        "learning_rate": rate,
        "grad_norm": norm,
        "tokens_real": sum(batch.real_tokens for batch in batches),
        "tokens_processed": sum(batch.processed_tokens for batch in batches),
        "seconds": time.perf_counter() - began,
    }


def _note(line: Line) -> str:
    """The step in a few words, for whoever watches."""
    speed = line["tokens_real"] / line["seconds"]
    return f"loss {line['loss']:.3f}  rate {line['learning_rate']:.1e}  {speed:,.0f} tokens/s"


def _write_log(log: Path, position: Position) -> None:
    """The log as of the checkpoint: lines of steps that will be run again are gone."""
    if world().leads:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(json.dumps(line) + "\n" for line in position.log), encoding="utf-8")


def _append_log(log: Path, position: Position) -> None:
    if world().leads:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(position.log[-1]) + "\n")
