"""Model folder and rows in, model folder out: a run that goes on where it was, and returns at once when it is done."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine.memory import give_back
from trimtab.model import Dialect, load, lora, merge, save, weights_digest
from trimtab.records import Comparison, Example, Progress, Silent, UserError, digest, write_json
from trimtab.train.batch import Batch, Group
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import TrainConfig, TrainReport, report_from_json
from trimtab.train.forest import pack
from trimtab.train.loop import train
from trimtab.train.objectives import Objective, dpo, sft
from trimtab.train.precision import Precision, precision
from trimtab.train.reference import ReferenceCache
from trimtab.train.rows import comparison_group, example_group, groups_of
from trimtab.train.schedule import step_rows
from trimtab.train.score import Chosen, choose_scorer

VERSION = 1
"""Raised by hand when the same inputs would give other weights."""
_BOOKKEEPING = frozenset({"step", "learning_rate", "tokens_real", "tokens_processed", "seconds"})


def train_sft(
    model_folder: Path,
    examples: Sequence[Example],
    config: TrainConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
) -> TrainReport:
    """Teaches the assistant turns of ``examples`` and writes the model to ``out``.

    ``work`` holds the run's checkpoints and its ``metrics.jsonl``; a killed run called again with the same arguments
    goes on bit for bit. Raises UserError.
    """
    method = _Method("sft", sft, _weights, None)
    return _run(_Run(method, model_folder, config, work, out, progress or Silent()), examples, example_group)


def train_dpo(
    model_folder: Path,
    comparisons: Sequence[Comparison],
    config: TrainConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
    reference_folder: Path | None = None,
) -> TrainReport:
    """Prefers chosen to rejected and writes the model to ``out``; otherwise as ``train_sft``.

    The reference is ``reference_folder``, by default the model as it came. Its log-probs are computed once and
    cached in ``work``.
    """
    objective = dpo(config.beta, config.loss, config.sft_weight)
    method = _Method("dpo", objective, lambda groups: float(len(groups)), reference_folder or model_folder)
    return _run(_Run(method, model_folder, config, work, out, progress or Silent()), comparisons, comparison_group)


@dataclass(frozen=True, slots=True)
class _Method:
    name: str
    objective: Objective
    denominator: Callable[[Sequence[Group]], float]
    """What one optimiser step's loss is divided by."""
    reference: Path | None


@dataclass(frozen=True, slots=True)
class _Run:
    method: _Method
    model_folder: Path
    config: TrainConfig
    work: Path
    out: Path
    progress: Progress

    @property
    def finished(self) -> Path:
        return self.work / "report.json"


@dataclass(frozen=True, slots=True)
class _Fitted:
    model: Any
    log: list[dict[str, float]]
    notes: tuple[str, ...]


def _run(run: _Run, rows: Sequence[Any], make: Callable[[Any, Dialect], Group]) -> TrainReport:
    if run.config.method != run.method.name:
        raise UserError(f"the configuration is for {run.config.method}", field="method", expected=run.method.name)
    dialect, numbers = Dialect.of(run.model_folder), precision(run.config.precision)
    identity = _identity(run, [row.id for row in rows], dialect, numbers)
    if (done := _finished(run, identity)) is not None:
        return done
    run.progress.start("encode", len(rows))
    groups, too_long = groups_of(rows, lambda row: make(row, dialect), run.config.max_tokens, run.progress.advance)
    checkpoints = Checkpoints(run.work / "checkpoint", identity)
    fitted = _fit(run, groups, dialect, numbers, checkpoints)
    save(merge(fitted.model) if run.config.lora else fitted.model, run.model_folder, run.out)
    report = _report(fitted, len(groups), too_long)
    del fitted
    give_back()
    written = {"identity": identity, "weights": weights_digest(run.out), "report": report.to_json()}
    write_json(run.finished, written)
    checkpoints.clear()
    return report


def _fit(run: _Run, groups: list[Group], dialect: Dialect, numbers: Precision, checkpoints: Checkpoints) -> _Fitted:
    config = run.config
    model, chosen = _open(run.model_folder, groups, numbers, config)
    plan = step_rows(len(groups), config)

    def batches(step: int) -> list[Batch]:
        rows = [groups[row] for row in plan[step]]
        return pack(rows, config.token_budget, run.method.denominator(rows), share=chosen.share)

    if run.method.reference is not None:
        first_epoch = range(-(-len(groups) // config.rows_per_step))
        cache = _reference_cache(run, dialect, numbers, chosen.share)
        run.progress.start("reference log-probs", len(first_epoch))
        if run.method.reference == run.model_folder or cache.covers(groups):
            cache.fill(map(batches, first_epoch), chosen.score, run.progress)
        else:
            _, other = _open(run.method.reference, groups, numbers, config.model_copy(update={"lora": None}))
            cache.fill(map(batches, first_epoch), other.score, run.progress)
            del other
            give_back()
        groups = [cache.attach(group) for group in groups]
    log = train(
        model,
        batches,
        len(plan),
        chosen.score,
        run.method.objective,
        config,
        checkpoints,
        run.work / "metrics.jsonl",
        run.progress,
    )
    return _Fitted(model, log, (f"no prefix sharing: {chosen.reason}",) if chosen.reason else ())


def _open(folder: Path, groups: list[Group], numbers: Precision, config: TrainConfig) -> tuple[Any, Chosen]:
    """The model ready to train, and the scorer that was held against transformers' own forward."""
    model: Any = load(folder, dtype=str(numbers.parameters).removeprefix("torch."))
    if config.lora is not None:
        model = lora(model, config.lora.rank, config.lora.alpha, seed=config.seed)
    shortest = sorted(groups, key=lambda group: sum(len(sequence.ids_L) for sequence in group))
    return model, choose_scorer(model, numbers, shortest[:2])


def _reference_cache(run: _Run, dialect: Dialect, numbers: Precision, share: bool) -> ReferenceCache:
    assert run.method.reference is not None
    key = {
        "version": VERSION,
        "weights": weights_digest(run.method.reference),
        "dialect": dialect.digest,
        "precision": numbers.name,
        "share": share,
    }
    return ReferenceCache(run.work / "reference" / digest(key))


def _identity(run: _Run, ids: list[str], dialect: Dialect, numbers: Precision) -> str:
    """Digest of everything that shapes the weights that come out."""
    reference = run.method.reference
    return digest(
        {
            "version": VERSION,
            "config": run.config.model_dump(mode="json"),
            "precision": numbers.name,
            "weights": weights_digest(run.model_folder),
            "reference": None if reference in (None, run.model_folder) else weights_digest(reference),
            "dialect": dialect.digest,
            "rows": ids,
        }
    )


def _finished(run: _Run, identity: str) -> TrainReport | None:
    """The report of a run that is complete: the same run, and its output still what it wrote."""
    if not run.finished.is_file() or not run.out.is_dir():
        return None
    written = json.loads(run.finished.read_text(encoding="utf-8"))
    if written["identity"] != identity or written["weights"] != weights_digest(run.out):
        return None
    return report_from_json(written["report"])


def _report(fitted: _Fitted, rows: int, too_long: int) -> TrainReport:
    """``loss_first`` is step 0's; every other measure is the mean of the last quarter of the steps."""
    log = fitted.log
    tail = log[-max(1, len(log) // 4) :]
    measured = {name: sum(line[name] for line in tail) / len(tail) for name in log[0].keys() - _BOOKKEEPING}
    real, processed, seconds = (
        sum(line[name] for line in log) for name in ("tokens_real", "tokens_processed", "seconds")
    )
    return TrainReport(
        steps=len(log),
        losses=tuple(line["loss"] for line in log),
        tokens_real=int(real),
        tokens_processed=int(processed),
        seconds=seconds,
        notes=fitted.notes,
        metrics={
            **{name: measured[name] for name in sorted(measured)},
            "loss_first": log[0]["loss"],
            "sharing": real / processed,
            "tokens_per_second": real / seconds,
            "rows": float(rows),
            "rows_too_long": float(too_long),
        },
    )


def _weights(groups: Sequence[Group]) -> float:
    return sum(sequence.weight for group in groups for sequence in group)
