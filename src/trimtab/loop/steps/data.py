"""The data steps: π0 into the store, sources into rows, rows through the door."""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trimtab.curate import (
    CODE_VERSION,
    Aids,
    CurateConfig,
    Curated,
    Drop,
    Imported,
    Placed,
    Quarantine,
    SourceConfig,
    curate,
    import_cases,
    import_sources,
    local_files,
)
from trimtab.guard import load_policy
from trimtab.loop.backlog.taken import note_taken
from trimtab.loop.behaviour import behaviour_of, toolbox_of
from trimtab.loop.difficulty import measure_of
from trimtab.loop.difficulty import watched as difficulty_watched
from trimtab.loop.embedding import meaning, quarantine_embedder
from trimtab.loop.policy_texts import policy_texts
from trimtab.loop.shards import guard, keyed_of, roles, shard_digest
from trimtab.loop.turn import Context, Step
from trimtab.loop.vault import WorkspaceVault
from trimtab.loop.workspace import Workspace
from trimtab.model import resolve
from trimtab.records import (
    Progress,
    Release,
    UserError,
    file_digest,
    iter_jsonl,
    row_from_json,
    write_json,
    write_jsonl,
)
from trimtab.release import get, register
from trimtab.tools import Rehearsal

HARVEST = Path("data/harvest")
"""Harvested rows wait here; every turn reads them through the same door as any source."""


def base(context: Context) -> dict[str, Any]:
    """π0 as an artefact; where nothing is stable yet, π0 becomes release 0 and ``stable``."""
    workspace = context.workspace
    folder = resolve(workspace.config.model, progress=context.progress)
    model = workspace.store.artefacts.put(folder)
    if workspace.store.aliases.get("stable") is None:
        release = Release(behaviour_of(workspace, model), base_model=workspace.config.model)
        register(workspace.store, release)
        workspace.store.aliases.set({"stable": release.digest}, reason="π0 is the first incumbent")
    if workspace.config.train.start == "base":
        return {"model": model}
    return {"model": model, "stable_model": get(workspace.store, "stable").behaviour.model}


def import_(context: Context) -> dict[str, Any]:
    """Every source's rows as one artefact, each with file and line."""
    workspace, folder = context.workspace, context.workspace.work(f"import-{context.key[:16]}")
    found = import_sources(_with_harvest(workspace), workspace.root, toolbox_of(workspace, Rehearsal()).schemas)
    if not found.rows:
        raise UserError("no source has a row to learn from", field="data.sources")
    write_jsonl(folder / "rows.jsonl", (_placed_json(placed) for placed in found.rows))
    write_json(
        folder / "import.json",
        {"drops": [drop.to_json() for drop in found.drops], "understood": dict(found.understood)},
    )
    rows = workspace.store.artefacts.put(folder)
    shutil.rmtree(folder)
    return {"rows": rows, "count": len(found.rows)}


def curate_(context: Context) -> dict[str, Any]:
    """The door: hygiene, duplicates, quarantine, mix. A contaminated row never passes; the report says why."""
    workspace, folder = context.workspace, context.workspace.work(f"curate-{context.key[:16]}")
    imported = _imported(workspace.store.artefacts.path(context.outputs["import"]["rows"]))
    aids = replace(_aids(workspace, context.progress), vault=WorkspaceVault(workspace, time.time))
    done = curate(imported, workspace.config.data, sealed_set(workspace), aids=aids, progress=context.progress)
    if not done.examples:
        raise UserError(
            "no example is left after curation", field="data", fix="See `trimtab data check` for what was dropped"
        )
    for name in ("examples", "comparisons", "unpaired"):
        write_jsonl(folder / f"{name}.jsonl", (row.to_json() for row in getattr(done, name)))
    note_taken(workspace.store, (*done.examples, *done.comparisons, *done.unpaired))
    report = done.report.to_json()
    write_json(folder / "report.json", report)
    rows = workspace.store.artefacts.put(folder)
    shutil.rmtree(folder)
    return {"rows": rows, "kept": report["kept"], "dropped": report["drops"]["by_reason"]}


def curated_now(workspace: Workspace, progress: Progress) -> Curated:
    """The sources through the door as they are now, nothing kept: what `data check` and `data stats` report."""
    aids = _aids(workspace, progress)
    found = import_sources(_with_harvest(workspace), workspace.root, tuple(aids.tools))
    return curate(found, workspace.config.data, sealed_set(workspace), aids=aids, progress=progress)


def _aids(workspace: Workspace, progress: Progress) -> Aids:
    """What the door is lent; nothing is opened before it is asked for."""
    return Aids(
        tools=toolbox_of(workspace, Rehearsal()).schemas,
        embed=meaning(workspace.config.data),
        measure=measure_of(workspace, progress),
    )


def sealed_set(workspace: Workspace) -> Quarantine:
    """The quarantine: every shard whatever its role, the red team's tests, the sealed side of split sources."""
    config, root = workspace.config, workspace.root
    policy = load_policy(workspace.path(config.files.policy))
    quarantine = Quarantine(
        config.data.quarantine, policy_texts(policy), keyed_of(workspace), quarantine_embedder(workspace)
    )
    guard(workspace, quarantine)
    for case in import_cases(config.data, root, toolbox_of(workspace, Rehearsal()).schemas):
        quarantine.add(case)
    return quarantine


def _with_harvest(workspace: Workspace) -> CurateConfig:
    """The configured sources and, where a harvest lies in the workspace, its files."""
    config = workspace.config.data
    waiting = sorted((workspace.root / HARVEST).glob("*.jsonl"))
    extra = [
        SourceConfig(path=str(path.relative_to(workspace.root)), name=f"harvest/{path.stem}", weight=2.0)
        for path in waiting
        if path.stat().st_size
    ]
    return config.model_copy(update={"sources": (*config.sources, *extra)})


def source_files(workspace: Workspace) -> Mapping[str, str]:
    """Digest of every file that a source, the harvest or the tools name."""
    root, found = workspace.root, {}
    for source in _with_harvest(workspace).sources:
        found.update({str(file): file_digest(file) for file in local_files(source.path, root)})
    return found


def _sealed_and_tools(workspace: Workspace) -> Mapping[str, Any]:
    tools = workspace.config.files.tools
    files = {str(path): shard_digest(workspace, path) for path in roles(workspace)}
    files |= {str(tools): file_digest(workspace.path(tools))}
    asked = difficulty_watched(workspace)
    return files if asked is None else {**files, "difficulty": [asked, _model_reference(workspace)]}


def _placed_json(placed: Placed) -> dict[str, Any]:
    place = {"source": placed.source, "file": placed.file, "line": placed.line, "weight": placed.weight}
    return {"row": placed.row.to_json(), "place": place}


def _imported(folder: Path) -> Imported:
    rows = [Placed(row_from_json(value["row"]), **value["place"]) for _, value in iter_jsonl(folder / "rows.jsonl")]
    rest = json.loads((folder / "import.json").read_text("utf-8"))
    return Imported(tuple(rows), tuple(Drop(**drop) for drop in rest["drops"]), rest["understood"])


def _model_reference(workspace: Workspace) -> Any:
    """What decides on π0 and the start: the reference, a local file's bytes, the stable release where it matters."""
    config, path = workspace.config, Path(workspace.config.model)
    start = None if config.train.start == "base" else workspace.store.aliases.get("stable")
    return [config.model, file_digest(path) if path.is_file() else None, start]


BASE = Step("base", 1, base, sections=("train.start",), watch=_model_reference)
IMPORT = Step("import", 2, import_, sections=("data",), watch=source_files)
CURATE = Step("curate", CODE_VERSION, curate_, needs=("import",), sections=("data",), watch=_sealed_and_tools)
