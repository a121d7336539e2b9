"""Curated rows as the steps use them: read from the artefact, dressed with the workspace's prompt and tools."""

from dataclasses import dataclass, replace
from typing import TypeVar

from trimtab.curate import Quarantine
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.records import Comparison, Example, Message, Row, ToolSchema, Unpaired, iter_jsonl, row_from_json
from trimtab.tools import Rehearsal, with_system

T = TypeVar("T", Example, Comparison, Unpaired)


def rows_of(context: Context, name: str, kind: type[T]) -> list[T]:
    """The rows of one of the curated files (``examples``, ``comparisons``, ``unpaired``)."""
    folder = context.workspace.store.artefacts.path(context.outputs["curate"]["rows"])
    path = folder / f"{name}.jsonl"
    rows: list[Row] = [row_from_json(value) for _, value in iter_jsonl(path)] if path.is_file() else []
    return [row for row in rows if isinstance(row, kind)]


@dataclass(frozen=True, slots=True)
class Dress:
    """What serving puts around every conversation: the system prompt and the tools' schemas."""

    system: str
    schemas: tuple[ToolSchema, ...]

    def example(self, row: Example) -> Example:
        """The example as it is served: the system prompt and the tools where it brings none of its own."""
        return replace(row, messages=self._prompt(row.messages), tools=offered(row.tools, self.schemas))

    def pair(self, row: Comparison) -> Comparison:
        """As ``example``, for a pair."""
        return replace(row, prompt=self._prompt(row.prompt), tools=offered(row.tools, self.schemas))

    def thumb(self, row: Unpaired) -> Unpaired:
        """As ``example``, for a thumb."""
        return replace(row, prompt=self._prompt(row.prompt), tools=offered(row.tools, self.schemas))

    def _prompt(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        return with_system(messages, self.system)


def dress_of(workspace: Workspace) -> Dress:
    """The workspace's dress as its files are now."""
    system = workspace.path(workspace.config.files.system).read_text("utf-8").strip()
    return Dress(system, toolbox_of(workspace, Rehearsal()).schemas)


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
    rows: list[Row] = [
        *rows_of(context, "examples", Example),
        *rows_of(context, "comparisons", Comparison),
        *rows_of(context, "unpaired", Unpaired),
    ]
    return sum(hit is not None for hit in quarantine.check_all(rows))
