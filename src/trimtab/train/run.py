"""Files in, a model out, for the methods that learn from rows: teaching and preferring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine.memory import give_back
from trimtab.model import Dialect, load, lora, weights_digest
from trimtab.records import Comparison, Example, Progress, Silent, digest
from trimtab.train.batch import Group
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import PreferenceConfig, SftConfig, TrainConfig, TrainReport
from trimtab.train.course import Denominator, RowsCourse, group_count, trained_weight
from trimtab.train.job import VERSION, Fitted, Job, complete
from trimtab.train.loop import train
from trimtab.train.objectives import Objective, dpo, sft
from trimtab.train.precision import Precision, precision
from trimtab.train.reference import ReferenceCache
from trimtab.train.rows import comparison_group, example_group, groups_of
from trimtab.train.score import Chosen, choose_scorer


def train_sft(
    model_folder: Path,
    examples: Sequence[Example],
    config: SftConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
) -> TrainReport:
    """Teaches the assistant turns of ``examples`` and writes the model to ``out``.

    ``work`` holds the run's checkpoints and its ``metrics.jsonl``; a killed run called again with the same arguments
    goes on bit for bit. Raises UserError.
    """
    job = Job(model_folder, config, work, out, progress or Silent())
    return _run(job, _Method("sft", sft, trained_weight, None), examples, example_group)


def train_dpo(
    model_folder: Path,
    comparisons: Sequence[Comparison],
    config: PreferenceConfig,
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
    job = Job(model_folder, config, work, out, progress or Silent())
    job.check("dpo")
    objective = dpo(config.beta, config.loss, config.sft_weight)
    method = _Method("dpo", objective, group_count, reference_folder or model_folder)
    return _run(job, method, comparisons, comparison_group)


@dataclass(frozen=True, slots=True)
class _Method:
    name: str
    objective: Objective
    denominator: Denominator
    """What one optimiser step's loss is divided by."""
    reference: Path | None


def _run(job: Job, method: _Method, rows: Sequence[Any], make: Callable[[Any, Dialect], Group]) -> TrainReport:
    job.check(method.name)
    dialect, numbers = Dialect.of(job.model_folder), precision(job.config.precision)
    own_reference = method.reference in (None, job.model_folder)
    identity = job.identity(
        precision=numbers.name,
        reference=None if own_reference or method.reference is None else weights_digest(method.reference),
        dialect=dialect.digest,
        rows=[row.id for row in rows],
    )

    def fit(checkpoints: Checkpoints) -> Fitted:
        job.progress.start("encode", len(rows))
        groups, bad = groups_of(rows, lambda row: make(row, dialect), job.config, job.progress.advance)
        return _fit(job, method, groups, dialect, numbers, checkpoints, bad)

    return complete(job, identity, fit)


def _fit(
    job: Job,
    method: _Method,
    groups: list[Group],
    dialect: Dialect,
    numbers: Precision,
    checkpoints: Checkpoints,
    dropped: tuple[str, ...],
) -> Fitted:
    model, chosen = open_model(job.model_folder, groups, numbers, job.config)
    course = RowsCourse(groups, job.config, method.objective, method.denominator, chosen.share)
    if method.reference is not None:
        course = _with_reference(job, method, course, dialect, numbers, chosen)
    log = train(model, course, chosen.score, job.config, checkpoints, job.log, job.progress)
    notes = (f"no prefix sharing: {chosen.reason}",) if chosen.reason else ()
    return Fitted(model, log, len(groups), {"rows_dropped": float(len(dropped))}, (*notes, *dropped))


def _with_reference(
    job: Job, method: _Method, course: RowsCourse, dialect: Dialect, numbers: Precision, chosen: Chosen
) -> RowsCourse:
    """The course with the reference's log-probs on every row."""
    assert method.reference is not None
    config, groups = job.config, list(course.groups)
    first_epoch = range(-(-len(groups) // config.rows_per_step))
    cache = _reference_cache(job, method.reference, dialect, numbers, chosen.share)
    job.progress.start("reference log-probs", len(first_epoch))
    if method.reference == job.model_folder or cache.covers(groups):
        cache.fill(map(course.batches, first_epoch), chosen.score, job.progress)
    else:
        _, other = open_model(method.reference, groups, numbers, config.model_copy(update={"lora": None}))
        cache.fill(map(course.batches, first_epoch), other.score, job.progress)
        del other
        give_back()
    known = [cache.attach(group) for group in groups]
    return RowsCourse(known, config, course.goal, course.denominator, course.share)


def open_model(folder: Path, groups: list[Group], numbers: Precision, config: TrainConfig) -> tuple[Any, Chosen]:
    """The model ready to train, and the scorer that was held against transformers' own forward."""
    model: Any = load(folder, dtype=str(numbers.parameters).removeprefix("torch."))
    if config.lora is not None:
        model = lora(model, config.lora.rank, config.lora.alpha, seed=config.seed)
    shortest = sorted(groups, key=lambda group: sum(len(sequence.ids_L) for sequence in group))
    return model, choose_scorer(model, numbers, shortest[:2])


def _reference_cache(job: Job, reference: Path, dialect: Dialect, numbers: Precision, share: bool) -> ReferenceCache:
    key = {
        "version": VERSION,
        "weights": weights_digest(reference),
        "dialect": dialect.digest,
        "precision": numbers.name,
        "share": share,
    }
    return ReferenceCache(job.work / "reference" / digest(key))
