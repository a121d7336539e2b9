"""What the workspace hands to the batteries: its passages, tools, tables, and its model's tokens."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from trimtab.evaluate import FED, Material, Records, make_battery
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.workspace import Workspace
from trimtab.model import load_tokenizer, resolve
from trimtab.records import Case
from trimtab.tools import Rehearsal, load_documents
from trimtab.tools.orders import Table


def fresh_cases(workspace: Workspace, suite: Sequence[Case] = ()) -> list[Case]:
    """The cases of the batteries that trimtab.yaml names, beside those of ``suite``. Raises UserError on one that
    cannot be made."""
    wanted = workspace.config.evaluate.batteries
    material = replace(material_of(workspace) if FED.keys() & wanted.keys() else Material(), cases=tuple(suite))
    return [case for name, one in wanted.items() for case in make_battery(name, one.cases, one.seed, material)]


def material_of(workspace: Workspace, model: Path | None = None) -> Material:
    """The workspace as it is now. ``model``: whose tokenizer counts and whose window bounds; π0's tokens otherwise."""
    files = workspace.config.files
    toolbox = toolbox_of(workspace, Rehearsal())
    folder = model or resolve(workspace.config.model)
    tokenizer = load_tokenizer(folder)

    def count(text: str) -> int:
        return len(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    system = workspace.path(files.system).read_text("utf-8")
    offered = json.dumps([dict(schema) for schema in toolbox.schemas], ensure_ascii=False)
    return Material(
        passages=tuple(load_documents(workspace.path(files.knowledge))),
        schemas=toolbox.schemas,
        records=_records(workspace.path(files.tools)),
        irreversible=tuple(tool.name for tool in toolbox if tool.irreversible),
        count=count,
        window=_window(folder),
        taken=count(system) + count(offered) + workspace.config.serving.decoding.max_tokens,
    )


def _records(tools: Path) -> tuple[Records, ...]:
    """The tables of the lookup tools in a ``tools.yaml`` that was read without complaint."""
    rows = yaml.safe_load(tools.read_text("utf-8"))["tools"]
    found = []
    for row in rows:
        if row.get("kind") == "lookup":
            table = Table(tools.parent / row["options"]["table"], row["options"]["key"])
            found.append(Records(row["name"], table.key, tuple(table.rows.values())))
    return tuple(found)


def _window(folder: Path) -> int:
    """Tokens that the model reads at once, by its config; 2048 where it does not say."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 2048)
