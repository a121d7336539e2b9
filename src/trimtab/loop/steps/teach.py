"""Teaching: SFT, the check that it broke nothing, the preference step, a short refresh."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trimtab.loop.judging import Judged, judge_development
from trimtab.loop.rows import companions, dress_of, rows_of
from trimtab.loop.turn import Context, Step
from trimtab.loop.workspace import Workspace
from trimtab.records import Comparison, Example, Stopped, digest
from trimtab.train import SftConfig, TrainReport, train_dpo, train_sft


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


def dpo(context: Context) -> dict[str, Any]:
    """The preference step against the SFT checkpoint; passed through where there is no pair or no section."""
    model, config = context.outputs["sft"]["model"], context.workspace.config.train.dpo
    found = {pair.id: pair for pair in rows_of(context, "comparisons", Comparison)}
    found |= {pair.id: pair for row in rows_of(context, "examples", Example) for pair in companions(row)}
    dress = dress_of(context.workspace)
    chosen = sorted(found, key=lambda id: digest(["dpo", id]))[: context.workspace.config.train.dpo_rows]
    pairs = [dress.pair(found[id]) for id in chosen]
    if config is None or not pairs:
        return {"model": model, "rows": 0}
    work = context.workspace.work(f"dpo-{context.key[:16]}")
    folder = context.workspace.store.artefacts.path(model)
    report = train_dpo(folder, pairs, config, work=work, out=work / "model", progress=context.progress)
    return _kept(context, work, report, len(pairs))


def refresh(context: Context) -> dict[str, Any]:
    """A short SFT on a spread of the taught rows, which pulls back what the preference step pushed away."""
    train = context.workspace.config.train
    rows = sorted(rows_of(context, "examples", Example), key=lambda row: digest(["refresh", row.id]))
    dress = dress_of(context.workspace)
    chosen = [dress.example(row) for row in rows[: train.refresh_rows]]
    if train.refresh is None or not chosen or context.outputs["dpo"]["rows"] == 0:
        return {"model": context.outputs["dpo"]["model"], "rows": 0}
    return _taught(context, context.outputs["dpo"]["model"], chosen, train.refresh)


def _start(context: Context) -> str:
    """The artefact that teaching starts from."""
    if context.workspace.config.train.start == "stable":
        return str(context.outputs["base"]["stable_model"])
    return str(context.outputs["base"]["model"])


def _taught(context: Context, model: str, rows: Sequence[Example], config: SftConfig) -> dict[str, Any]:
    work = context.workspace.work(f"sft-{context.key[:16]}")
    folder = context.workspace.store.artefacts.path(model)
    report = train_sft(folder, rows, config, work=work, out=work / "model", progress=context.progress)
    return _kept(context, work, report, len(rows))


def _kept(context: Context, work: Path, report: TrainReport, rows: int) -> dict[str, Any]:
    """The model as an artefact, the report as a document, the scratch folder gone.

    ``put`` copies, so that a kill before the journal's entry finds the finished run again.
    """
    store = context.workspace.store
    model = store.artefacts.put(work / "model")
    store.put("train_report", context.key, report.to_json())
    return {"model": model, "rows": rows, "report": context.key}


def _fell(before: Judged, after: Judged, name: str, margin: float) -> bool:
    return after.value(name) < before.value(name) - margin


def _behaviour_files(workspace: Workspace) -> Any:
    """What the rows are dressed with: system prompt and tool schemas."""
    files = workspace.config.files
    return [workspace.path(path).read_text("utf-8") for path in (files.system, files.tools)]


SFT = Step("sft", 1, sft, needs=("base", "curate"), sections=("train.sft", "train.start"), watch=_behaviour_files)
ANCHOR = Step("anchor", 1, anchor, needs=("base", "sft"), sections=("train.anchor", "serving", "cases"))
DPO = Step(
    "dpo", 1, dpo, needs=("sft", "curate", "anchor"), sections=("train.dpo", "train.dpo_rows"), watch=_behaviour_files
)
REFRESH = Step(
    "refresh",
    1,
    refresh,
    needs=("dpo", "curate"),
    sections=("train.refresh", "train.refresh_rows"),
    watch=_behaviour_files,
)
