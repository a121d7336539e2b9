"""Curated rows as the steps use them: read from the artefact, dressed with the workspace's prompt and tools."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from trimtab.curate import Quarantine
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.records import Comparison, Example, Message, Row, ToolSchema, iter_jsonl, row_from_json
from trimtab.tools import Rehearsal

T = TypeVar("T", Example, Comparison)


def rows_of(context: Context, name: str, kind: type[T]) -> list[T]:
    """The rows of one of the curated files (``examples``, ``comparisons``)."""
    folder = context.workspace.store.artefacts.path(context.outputs["curate"]["rows"])
    path = folder / f"{name}.jsonl"
    rows: list[Row] = [row_from_json(value) for _, value in iter_jsonl(path)] if path.is_file() else []
    return [row for row in rows if isinstance(row, kind)]


def dressed(row: Example, workspace: Workspace) -> Example:
    """The example as it is served: the system prompt and the tools where it brings none of its own."""
    messages, tools = _dress(row.messages, row.tools, workspace)
    return replace(row, messages=messages, tools=tools)


def dressed_pair(row: Comparison, workspace: Workspace) -> Comparison:
    """As ``dressed``, for a pair."""
    prompt, tools = _dress(row.prompt, row.tools, workspace)
    return replace(row, prompt=prompt, tools=tools)


def _dress(
    messages: Sequence[Message], tools: tuple[ToolSchema, ...], workspace: Workspace
) -> tuple[tuple[Message, ...], tuple[ToolSchema, ...]]:
    system, schemas = _uniform(workspace)
    if messages[0].role != "system" and system:
        messages = (Message("system", system), *messages)
    return tuple(messages), offered(tools, schemas)


def offered(tools: tuple[ToolSchema, ...], schemas: tuple[ToolSchema, ...]) -> tuple[ToolSchema, ...]:
    """The tools a row is taught with: all of the workspace's, those of them that it names, or its own.

    The same choice as in serving and evaluation, where tools that the workspace has run here, by its schemas.
    """
    named = {tool["function"]["name"] for tool in tools}
    here = tuple(schema for schema in schemas if schema["function"]["name"] in named)
    return schemas if not tools else here if len(here) == len(named) else tools


def companions(example: Example) -> list[Comparison]:
    """The preference pairs in an example's hard negatives: its last turns against each rejected companion."""
    last = max(i for i, message in enumerate(example.messages) if message.role in ("user", "tool")) + 1
    prompt, chosen = example.messages[:last], example.messages[last:]
    return [
        Comparison(prompt, chosen, rejected, example.tools, reason="hard negative", provenance=example.provenance)
        for rejected in example.rejected
    ]


def contaminated_rows(context: Context, quarantine: Quarantine) -> int:
    """Curated rows that repeat a sealed case: 0 unless the door was passed by."""
    rows: list[Row] = [*rows_of(context, "examples", Example), *rows_of(context, "comparisons", Comparison)]
    return sum(quarantine.check(row) is not None for row in rows)


@lru_cache(maxsize=4)
def _uniform(workspace: Workspace) -> tuple[str, tuple[ToolSchema, ...]]:
    system = workspace.path(workspace.config.files.system).read_text("utf-8").strip()
    return system, toolbox_of(workspace, Rehearsal()).schemas
