"""The data door: what was imported goes through hygiene, deduplication, the quarantine and the mix, or is named."""

from dataclasses import dataclass, replace

from trimtab.curate.config import CurateConfig
from trimtab.curate.dedupe import dedupe
from trimtab.curate.mix import Mixed, mix
from trimtab.curate.place import Drop, Imported, Placed, dropped
from trimtab.curate.preferences import clean_pairs, shortcuts
from trimtab.curate.quarantine import Quarantine
from trimtab.curate.report import Report
from trimtab.records import Comparison, Example, Message, Progress, Row, Silent, Unpaired

CODE_VERSION = 1
"""Raised by hand when the same input gives other rows."""


@dataclass(frozen=True, slots=True)
class Curated:
    """Rows that may be learnt, and the report on the others."""

    examples: tuple[Example, ...]
    comparisons: tuple[Comparison, ...]
    unpaired: tuple[Unpaired, ...]
    report: Report


def curate(
    imported: Imported,
    config: CurateConfig,
    quarantine: Quarantine,
    *,
    system: str = "",
    progress: Progress | None = None,
) -> Curated:
    """Rows fit to learn from, the same for the same input and seed, and a report in which nothing is lost silently.

    ``system``: put before rows that carry no system prompt, so that training sees what serving will. The mix is of
    examples; comparisons and thumbs pass it by.
    """
    progress = progress or Silent()
    rows = [_with_system(placed, system) for placed in imported.rows]
    drops = list(imported.drops)
    rows, faulty = clean_pairs(rows)
    rows, sealed = _outside_quarantine(rows, quarantine, progress)
    progress.start("dedupe")
    rows, repeated = dedupe(rows, config.dedupe)
    mixed = _mixed(rows, config)
    rows = [*mixed.rows, *(placed for placed in rows if not isinstance(placed.row, Example))]
    drops += [*faulty, *sealed, *repeated, *mixed.drops]
    pairs = tuple(placed.row for placed in rows if isinstance(placed.row, Comparison))
    report = Report(
        rows=tuple(rows),
        drops=tuple(drops),
        understood=imported.understood,
        strata=mixed.strata,
        shortcuts=shortcuts(pairs),
        sealed=len(quarantine),
        quarantine=quarantine.digest,
    )
    return Curated(
        examples=tuple(placed.row for placed in rows if isinstance(placed.row, Example)),
        comparisons=pairs,
        unpaired=tuple(placed.row for placed in rows if isinstance(placed.row, Unpaired)),
        report=report,
    )


def _outside_quarantine(
    rows: list[Placed], quarantine: Quarantine, progress: Progress
) -> tuple[list[Placed], list[Drop]]:
    kept, drops = [], []
    progress.start("quarantine", len(rows))
    for placed in rows:
        progress.advance()
        hit = quarantine.check(placed.row)
        if hit is None:
            kept.append(placed)
        else:
            drops.append(dropped(placed, "quarantine", str(hit)))
    return kept, drops


def _mixed(rows: list[Placed], config: CurateConfig) -> Mixed:
    examples = tuple(placed for placed in rows if isinstance(placed.row, Example))
    if config.mix is None or not examples:
        return Mixed(examples, (), {})
    return mix(examples, config.mix, config.seed)


def _with_system(placed: Placed, system: str) -> Placed:
    return replace(placed, row=_prompted(placed.row, system)) if system else placed


def _prompted(row: Row, system: str) -> Row:
    first = Message("system", system)
    if isinstance(row, Example):
        return row if row.messages[0].role == "system" else replace(row, messages=(first, *row.messages))
    return row if row.prompt[0].role == "system" else replace(row, prompt=(first, *row.prompt))
