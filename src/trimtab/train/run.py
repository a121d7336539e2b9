"""Files in, a model out, for the methods that learn from rows: teaching and preferring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine.memory import give_back
from trimtab.model import Dialect, load, lora, weights_digest
from trimtab.records import Comparison, Example, Progress, Ranked, Silent, Unpaired, digest
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import KtoConfig, PreferenceConfig, SftConfig, TrainConfig, TrainReport
from trimtab.train.course import Course, RowsCourse, group_importance, trained_weight
from trimtab.train.drift.control import (
    UNCONTROLLED,
    DriftControl,
    check_control,
    control_facts,
    moving,
    reference_folder_of,
    watch_of,
    with_refreshes,
)
from trimtab.train.forest.batch import Group
from trimtab.train.forest.precision import Precision, narrow, precision
from trimtab.train.forest.score import Chosen, Scorer, choose_scorer
from trimtab.train.job import VERSION, Fitted, Job, complete
from trimtab.train.kto import KtoCourse, ThumbRows, with_neighbours
from trimtab.train.loop import train
from trimtab.train.match import check_reference
from trimtab.train.objectives import dpo, sft
from trimtab.train.processes.sharding import everyones, join, spread
from trimtab.train.reasoning.ablation import Decision, decide
from trimtab.train.reasoning.examine import Mark, examine
from trimtab.train.reasoning.rows import reasoned_group, usable
from trimtab.train.reference import ReferenceCache
from trimtab.train.rows import TurnEncoder, example_group, groups_of, preference_group, signal, thumb_group


def train_sft(
    model_folder: Path,
    examples: Sequence[Example],
    config: SftConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
    control: DriftControl = UNCONTROLLED,
) -> TrainReport:
    """Teaches the assistant turns of ``examples`` and writes the model to ``out``.

    ``work`` holds the run's checkpoints and its ``metrics.jsonl``; a killed run called again with the same arguments
    goes on bit for bit. ``control`` holds it near where it began: see ``DriftControl``. Raises UserError.
    """
    job = Job(model_folder, config, work, out, progress or Silent())

    def rows(groups: list[Group], share: bool) -> Course:
        return RowsCourse(groups, config, sft, trained_weight, share)

    decision = _decision(job, config, examples)
    make = reasoned_group if decision.choice == "keep" else example_group
    return _run(job, _Method("sft", make, rows, control, decision=decision), examples)


def _decision(job: Job, config: SftConfig, examples: Sequence[Example]) -> Decision:
    """Whether the rows' reasoning is taught, measured where the configuration says so."""
    if config.reasoning != "auto":
        return Decision(config.reasoning, "")
    here, dialect, numbers = join(), Dialect.of(job.model_folder), precision(config.precision)

    def teach(rows: Sequence[Example], plain: SftConfig, work: Path) -> Path:
        train_sft(job.model_folder, rows, plain, work=work, out=work / "model", progress=job.progress)
        return work / "model"

    def ask(folder: Path, probes: Sequence[Example]) -> list[Mark]:
        marks = examine(folder, probes, dialect, config.reasoning_tokens, numbers) if here.leads else []
        return everyones(marks, here)[0]

    key = job.identity(
        precision=numbers.name,
        dialect=dialect.digest,
        rows=[signal(row) for row in examples],
    )
    return decide(examples, config, job.work / "reasoning", teach, ask, key, lambda rows: usable(rows, dialect, config))


def train_dpo(
    model_folder: Path,
    comparisons: Sequence[Comparison | Ranked],
    config: PreferenceConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
    reference_folder: Path | None = None,
    control: DriftControl = UNCONTROLLED,
) -> TrainReport:
    """Prefers chosen to rejected, or the better of several, and writes the model to ``out``; else as ``train_sft``.

    The reference is ``reference_folder``, by default the model as it came. Its log-probs are computed once and
    cached in ``work``. Raises UserError, also where the reference reads other tokens than the policy.
    """
    job = Job(model_folder, config, work, out, progress or Silent())
    job.check("dpo")
    objective = dpo(
        config.beta,
        config.loss,
        config.sft_weight,
        label_smoothing=config.label_smoothing,
        length_normalised=config.length_normalised,
        margins=config.margins,
        kwise=config.kwise,
    )

    def make(row: Comparison | Ranked, dialect: TurnEncoder) -> Group:
        return preference_group(row, dialect, config.annotator_weights)

    def rows(groups: list[Group], share: bool) -> Course:
        return RowsCourse(groups, config, objective, group_importance, share)

    reference = reference_folder_of(job, control, reference_folder)
    return _run(job, _Method("dpo", make, rows, control, reference), comparisons)


def train_kto(
    model_folder: Path,
    unpaired: Sequence[Unpaired],
    config: KtoConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
    reference_folder: Path | None = None,
    control: DriftControl = UNCONTROLLED,
) -> TrainReport:
    """Learns from thumbs up and down on single answers and writes the model to ``out``; otherwise as ``train_dpo``.

    Raises UserError, also where all thumbs point one way.
    """
    job = Job(model_folder, config, work, out, progress or Silent())
    job.check("kto")

    def rows(groups: list[Group], share: bool) -> Course:
        return ThumbRows(groups, config, share)

    def around(course: Course, score: Scorer) -> Course:
        return KtoCourse(course, config, score)

    def widen(groups: list[Group]) -> list[Group]:
        return with_neighbours(groups, config)

    reference = reference_folder_of(job, control, reference_folder)
    return _run(job, _Method("kto", thumb_group, rows, control, reference, widen, around), unpaired)


_PLAIN = Decision("strip", "")


@dataclass(frozen=True, slots=True)
class _Method:
    """What a way of learning from rows adds to the run that they all share."""

    name: str
    make: Callable[[Any, Dialect], Group]
    rows: Callable[[list[Group], bool], Course]
    """``(groups, share)``: every micro-batch of each step, those included that only the reference point needs."""
    control: DriftControl
    reference: Path | None = None
    """The reference that stays for the whole run; None where there is none, or it moves."""
    widen: Callable[[list[Group]], list[Group]] = lambda groups: groups
    """What joins the groups before the reference is scored. Raises UserError where the rows together do not do."""
    around: Callable[[Course, Scorer], Course] = lambda course, score: course
    """``(rows, policy's scorer)``: the course that is trained."""
    decision: Decision = _PLAIN
    """What was measured about the rows' reasoning; joins the report."""


def _run(job: Job, method: _Method, rows: Sequence[Any]) -> TrainReport:
    job.check(method.name)
    dialect, numbers = Dialect.of(job.model_folder), precision(job.config.precision)
    check_control(job.config, method.control)
    for other in (method.reference, method.control.anchor_folder):
        if other is not None:
            check_reference(job.model_folder, other)
    own_reference = method.reference in (None, job.model_folder)
    identity = job.identity(
        precision=numbers.name,
        reference=None if own_reference or method.reference is None else weights_digest(method.reference),
        dialect=dialect.digest,
        rows=[signal(row) for row in rows],
        **control_facts(job, method.control),
    )

    def fit(checkpoints: Checkpoints) -> Fitted:
        job.progress.start("encode", len(rows))
        groups, bad = groups_of(rows, lambda row: method.make(row, dialect), job.config, job.progress.advance)
        return _fit(job, method, method.widen(groups), dialect, numbers, checkpoints, bad, identity)

    return complete(job, identity, fit)


def _fit(
    job: Job,
    method: _Method,
    groups: list[Group],
    dialect: Dialect,
    numbers: Precision,
    checkpoints: Checkpoints,
    dropped: tuple[str, ...],
    identity: str,
) -> Fitted:
    def anchor(folder: Path) -> Scorer:
        return open_model(folder, groups, numbers, job.config.model_copy(update={"lora": None}))[1].score

    model, chosen = open_model(job.model_folder, groups, numbers, job.config)
    if method.reference is not None:
        groups = _with_reference(job, method, groups, dialect, numbers, chosen)
    rows = moving(job, method.rows(groups, chosen.share), chosen.score, identity, anchor, method.control)
    course = method.around(rows, chosen.score)
    course, unfit = with_refreshes(job, course, method.control, dialect, chosen.share)
    watch = watch_of(job, method.control, course.steps, identity, numbers)
    log = train(model, course, chosen.score, job.config, checkpoints, job.log, job.progress, watch)
    notes = (f"no prefix sharing: {chosen.reason}",) if chosen.reason else ()
    notes = (*notes, method.decision.note) if method.decision.note else notes
    metrics = {"rows_dropped": float(len(dropped) + len(unfit)), **(method.decision.metrics or {})}
    return Fitted(model, log, len(groups), metrics, (*notes, *dropped, *unfit))


def _with_reference(
    job: Job, method: _Method, groups: list[Group], dialect: Dialect, numbers: Precision, chosen: Chosen
) -> list[Group]:
    """The groups with the reference's log-probs on every sequence."""
    assert method.reference is not None
    config = job.config
    first_epoch = range(-(-len(groups) // config.rows_per_step))
    steps = (method.rows(groups, chosen.share).batches(step, []) for step in first_epoch)
    cache = _reference_cache(job, method.reference, dialect, numbers, chosen.share)
    job.progress.start("reference log-probs", len(first_epoch))
    if method.reference == job.model_folder or cache.covers(groups):
        cache.fill(steps, chosen.score, job.progress)
    else:
        _, other = open_model(method.reference, groups, numbers, config.model_copy(update={"lora": None}))
        cache.fill(steps, other.score, job.progress)
        del other
        give_back()
    return [cache.attach(group) for group in groups]


def open_model(folder: Path, groups: list[Group], numbers: Precision, config: TrainConfig) -> tuple[Any, Chosen]:
    """The model ready to train, and the scorer that was held against transformers' own forward."""
    model: Any = load(folder, dtype=str(numbers.parameters).removeprefix("torch."))
    if config.lora is not None:
        model = lora(model, config.lora.rank, config.lora.alpha, dora=config.lora.dora, seed=config.seed)
    narrow(model, numbers)
    model.to(join().device)
    shortest = sorted(groups, key=lambda group: sum(len(sequence.ids_L) for sequence in group))
    return model, spread(model, choose_scorer(model, numbers, shortest[:2]), numbers)


def _reference_cache(job: Job, reference: Path, dialect: Dialect, numbers: Precision, share: bool) -> ReferenceCache:
    key = {
        "version": VERSION,
        "weights": weights_digest(reference),
        "dialect": dialect.digest,
        "precision": numbers.name,
        "share": share,
    }
    return ReferenceCache(job.work / "reference" / digest(key))
