"""The workspace's vault as the door uses it, and the two things that people ask of it: give back, forget."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.curate.privacy import VAULT, references, restore
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

    def keep(self, rows: Sequence[Held]) -> list[str]:
        now = self._clock()
        self._vault.purge(now)
        return self._vault.keep(rows, now + self._seconds)


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
    found, turned, missing = list[Row](), 0, 0
    for row in rows:
        known = [(name, workspace.store.vault.get(name, now)) for name in references(row.provenance)]
        lost = [name for name, mapping in known if mapping is None]
        value = _referring(row.to_json(), lost) if known else row.to_json()
        for _, mapping in reversed(known):
            value = restore(value, mapping or {})
        found.append(row_from_json(value))
        turned += len(lost) < len(known)
        missing += len(lost)
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


def _referring(value: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The row's JSON with these references alone."""
    rest = {key: inner for key, inner in value.get("provenance", {}).items() if key != VAULT}
    return {**value, "provenance": rest | ({VAULT: names} if names else {})}


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
