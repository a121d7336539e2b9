"""What an adapter is: raw rows in, an Example to learn from or a Case to be judged by out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from trimtab.curate.config import TextsConfig
from trimtab.records import Case, Example, ToolSchema, UserError

JsonRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AdapterOptions:
    """What a product hands to every adapter.

    ``tools``: the product's own schemas, offered in rows whose tools the product runs itself (search, calculator);
    empty: the row's. ``passage_words``: how much is kept of each passage.
    """

    texts: TextsConfig = field(default_factory=TextsConfig)
    tools: tuple[ToolSchema, ...] = ()
    passage_words: int = 60


class Adapter(Protocol):
    """``example`` is None where the row teaches nothing (``skipped`` says why), ``case`` where it tests nothing.

    Both raise UserError on a malformed row, with the field.
    """

    name: ClassVar[str]
    skipped: ClassVar[str]

    def example(self, row: JsonRow) -> Example | None: ...

    def case(self, row: JsonRow) -> Case | None: ...


def meta(row: JsonRow) -> Mapping[str, Any]:
    """The row's ``meta`` object, or an empty one. Raises UserError where it is something else."""
    value = row.get("meta") or {}
    if not isinstance(value, Mapping):
        raise UserError("meta must be an object", field="meta")
    return value


def text_field(row: JsonRow, name: str) -> str:
    """A field that must hold text. Raises UserError."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{name} must be text and not empty", field=name)
    return value
