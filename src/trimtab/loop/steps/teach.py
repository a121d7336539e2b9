"""Teaching: SFT, the check that it broke nothing, and the short refresh after the aligning steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trimtab.loop.judging import Judged, judge_development
from trimtab.loop.rows import dress_of, rows_of
from trimtab.loop.steps.watch import control_of
from trimtab.loop.turn import Context, Step
from trimtab.loop.workspace import Workspace
from trimtab.records import Example, Stopped, digest
from trimtab.train import SftConfig, TrainReport, train_sft

ALIGNING = ("dpo", "kto", "rl")
"""The steps between teaching and refresh that move the weights."""


def sft(context: Context) -> dict[str, Any]:
    """π0 (or the stable release) taught by the curated examples."""
    start = _start(context)
    dress = dress_of(context.workspace)
    rows = [dress.example(row) for row in rows_of(context, "examples", Example)]
    return _taught(context, start, rows, context.workspace.config.train.sft)


def anchor(context: Context) -> dict[str, Any]:
    """Stop here where teaching broke references, or routing under paraphrase. Raises Stopped."""
    config = context.workspace.config.train.anchor
    before = judge_development(context, context.outputs["base"]["model"], config.limit)
    after = judge_development(context, context.outputs["sft"]["model"], config.limit)
    fallen = [name for name in config.metrics if _fell(before, after, name, config.margin)]
    if fallen:
        raise Stopped(
            "SFT made "
            + ", ".join(f"{name} {after.value(name):.2f} (was {before.value(name):.2f})" for name in fallen)
            + f" on the development cases, worse than π0 by more than {config.margin}: look at the curated rows"
        )
    return {"checked": {name: [before.value(name), after.value(name)] for name in config.metrics}}


def refresh(context: Context) -> dict[str, Any]:
    """A short SFT on a spread of the taught rows, which pulls back what the preference step pushed away."""
    train = context.workspace.config.train
    rows = sorted(rows_of(context, "examples", Example), key=lambda row: digest(["refresh", row.id]))
    dress = dress_of(context.workspace)
    chosen = [dress.example(row) for row in rows[: train.refresh_rows]]
    aligned = context.outputs["rl"]["model"]
    if train.refresh is None or not chosen or not any(context.outputs[step]["rows"] for step in ALIGNING):
        return {"model": aligned, "rows": 0}
    return _taught(context, aligned, chosen, train.refresh)


def _start(context: Context) -> str:
    """The artefact that teaching starts from."""
    if context.workspace.config.train.start == "stable":
        return str(context.outputs["base"]["stable_model"])
    return str(context.outputs["base"]["model"])


def _taught(context: Context, model: str, rows: Sequence[Example], config: SftConfig) -> dict[str, Any]:
    work = context.workspace.work(f"sft-{context.key[:16]}")
    folder = context.workspace.store.artefacts.path(model)
    report = train_sft(
        folder,
        rows,
        config,
        work=work,
        out=work / "model",
        progress=context.progress,
        control=control_of(context, config),
    )
    return kept(context, work, report, len(rows))


def kept(context: Context, work: Path, report: TrainReport, rows: int) -> dict[str, Any]:
    """What a training step gives: the model as an artefact, the report as a document, the scratch folder gone.

    ``put`` copies, so that a kill before the journal's entry finds the finished run again.
    """
    store = context.workspace.store
    model = store.artefacts.put(work / "model")
    store.put("train_report", context.key, report.to_json())
    return {"model": model, "rows": rows, "report": context.key}


def _fell(before: Judged, after: Judged, name: str, margin: float) -> bool:
    return after.value(name) < before.value(name) - margin


def behaviour_files(workspace: Workspace) -> Any:
    """What the rows are dressed with: system prompt and tool schemas."""
    files = workspace.config.files
    return [workspace.path(path).read_text("utf-8") for path in (files.system, files.tools)]


SFT = Step("sft", 1, sft, needs=("base", "curate"), sections=("train.sft", "train.start"), watch=behaviour_files)
ANCHOR = Step("anchor", 1, anchor, needs=("base", "sft"), sections=("train.anchor", "serving", "cases"))
REFRESH = Step(
    "refresh",
    1,
    refresh,
    needs=(*ALIGNING, "curate"),
    sections=("train.refresh", "train.refresh_rows"),
    watch=behaviour_files,
)
