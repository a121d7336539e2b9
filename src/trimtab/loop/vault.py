"""The workspace's vault as the door uses it, and the two things that people ask of it: give back, forget."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.curate import Vaulted
from trimtab.curate.privacy import PRIVACY, restore
from trimtab.loop.workspace import Workspace
from trimtab.records import Row, UserError, row_from_json
from trimtab.store import Held
from trimtab.text import normal_datum, pii_spans

_DAY = 24 * 3600.0


class WorkspaceVault:
    """The store's vault with this workspace's retention; ``clock`` in Unix seconds. What ran out goes at each keep."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float]) -> None:
        self._vault, self._clock = workspace.store.vault, clock
        self._seconds = workspace.config.data.privacy.keep_days * _DAY

    def keep(self, rows: Sequence[Vaulted]) -> list[str]:
        now = self._clock()
        self._vault.purge(now)
        return self._vault.keep([Held(row.row, row.mapping, row.data) for row in rows], now + self._seconds)


@dataclass(frozen=True, slots=True)
class Restored:
    """Rows with their own words again; ``missing``: references that the vault no longer knows."""

    rows: tuple[Row, ...]
    turned: int
    missing: int


def restored(workspace: Workspace, rows: Iterable[Row], now: float) -> Restored:
    """The rows as they were before the door hid personal data in them, as far as the vault still knows.

    Raises UserError where the vault was written with another key.
    """
    vault, found, turned, missing = workspace.store.vault, list[Row](), 0, 0
    for row in rows:
        value, references = _taken(row.to_json())
        lost = list[str]()
        for reference in reversed(references):
            mapping = vault.get(reference, now)
            if mapping is None:
                lost.insert(0, reference)
            else:
                value = restore(value, mapping)
        turned += len(lost) < len(references)
        missing += len(lost)
        found.append(row_from_json(_with(value, lost)))
    return Restored(tuple(found), turned, missing)


def forget(workspace: Workspace, person: str) -> int:
    """Forget all that the vault holds of rows in which this datum stands, and hold none of them again; how many rows.

    Raises UserError where ``person`` is empty.
    """
    spans = pii_spans(person.strip())
    datum = normal_datum(spans[0].text if len(spans) == 1 else person)
    if not datum:
        raise UserError("nothing to forget", field="--person", expected="an e-mail address, a telephone number, ...")
    return workspace.store.vault.forget(datum)


def _taken(value: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The row's JSON without its references, and these."""
    provenance = dict(value.get("provenance", {}))
    references = provenance.pop(PRIVACY, [])
    return _with({**value, "provenance": provenance}, []), list(references)


def _with(value: dict[str, Any], references: list[str]) -> dict[str, Any]:
    provenance = {**value.get("provenance", {}), **({PRIVACY: references} if references else {})}
    rest = {key: inner for key, inner in value.items() if key != "provenance"}
    return {**rest, "provenance": provenance} if provenance else rest


def still_held(workspace: Workspace, person: str) -> dict[str, int]:
    """Files of this workspace in which the datum still stands as given, with the number of such lines.

    The configured sources, the harvest, and JSON Lines among the artefacts (what was imported, before the door).
    """
    from trimtab.loop.steps.data import source_files

    wanted = person.strip().encode()
    files = [*map(Path, source_files(workspace)), *sorted(workspace.store.artefacts.root.rglob("*.jsonl"))]
    found = {}
    for path in files:
        with path.open("rb") as lines:
            if count := sum(wanted in line for line in lines):
                found[str(path.relative_to(workspace.root) if path.is_relative_to(workspace.root) else path)] = count
    return found
