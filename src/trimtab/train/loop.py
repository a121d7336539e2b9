"""The one training loop: for each optimiser step pack its rows, add up the micro-batches' gradients, move once."""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.memory import give_back
from trimtab.records import Progress, UserError
from trimtab.train.batch import Batch
from trimtab.train.checkpoint import Checkpoints, Position
from trimtab.train.config import TrainConfig
from trimtab.train.course import Course, Line, tags_of
from trimtab.train.objectives import Objective
from trimtab.train.score import Scorer
from trimtab.train.watch import Verdict, Watch

_TRIM_EVERY = 8
"""Steps between two returns of free pages: forests of changing size leave holes that add up to gigabytes."""


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
    for step in range(position.step, steps):
        batches, objective = course.batches(step, position.log), course.objective(step, position.log)
        line = optimiser_step(model, optimizer, batches, score, objective, course.rate(step), config.clip)
        if not math.isfinite(line["loss"]) or not math.isfinite(line["grad_norm"]):
            raise UserError(f"the loss is no longer a number at step {step}", fix="Lower the learning rate")
        position.step = step + 1
        position.log.append({"step": step, **line, **tags_of(course, step, position.log), **start})
        start, verdict = {}, Verdict() if watch is None else watch.after(step, model, position.log)
        position.log[-1].update(verdict.metrics)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(position.log[-1]) + "\n")
        progress.advance(1, f"loss {line['loss']:.3f}")
        if position.step % _TRIM_EVERY == 0:
            give_back()
        if verdict.action != "go":
            break
        if position.step % config.checkpoint_every == 0 and position.step < steps:
            checkpoints.save(position, model, optimizer)
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
    """One move of the parameters; returns what the step measured. Micro-batches add up to the whole exactly."""
    began = time.perf_counter()
    totals: dict[str, float] = {}
    for batch in batches:
        loss, metrics = objective(score(batch), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        for name, value in (metrics | {"loss": loss.item()}).items():
            totals[name] = totals.get(name, 0.0) + value
    norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return totals | {
        "learning_rate": rate,
        "grad_norm": float(norm),
        "tokens_real": sum(batch.real_tokens for batch in batches),
        "tokens_processed": sum(batch.processed_tokens for batch in batches),
        "seconds": time.perf_counter() - began,
    }


def adamw(model: Any, config: TrainConfig) -> torch.optim.AdamW:
    """Fused AdamW over what requires a gradient, weight decay on matrices only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=config.peak_rate,
        fused=True,
    )


def _write_log(log: Path, position: Position) -> None:
    """The log as of the checkpoint: lines of steps that will be run again are gone."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(json.dumps(line) + "\n" for line in position.log), encoding="utf-8")
