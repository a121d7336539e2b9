"""The data door: what was imported goes through hygiene, deduplication, the quarantine and the mix, or is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from trimtab.curate.cleaning import clean_stage
from trimtab.curate.config import CurateConfig
from trimtab.curate.dedupe import Embed, dedupe_stage
from trimtab.curate.mix import mix_stage
from trimtab.curate.place import Imported, Placed
from trimtab.curate.preferences import preference_stage
from trimtab.curate.privacy import Vault, discreet, privacy_stage
from trimtab.curate.quarantine import Quarantine, quarantine_stage
from trimtab.curate.report import Report
from trimtab.curate.stage import Repair, Stage
from trimtab.records import Comparison, Example, Message, Progress, Row, Silent, ToolSchema, Unpaired
from trimtab.text import Recogniser

CODE_VERSION = 2
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
    tools: Sequence[ToolSchema] = (),
    vault: Vault | None = None,
    recognisers: Sequence[Recogniser] = (),
    embed: Embed | None = None,
    progress: Progress | None = None,
) -> Curated:
    """Rows fit to learn from, the same for the same input and seed, and a report in which nothing is lost silently.

    ``system``: put before rows that carry no system prompt, so that training sees what serving will. The mix is of
    examples; comparisons and thumbs pass it by. ``tools``: the product's own, by which calls of rows that bring none
    are checked; ``vault`` holds what the placeholders of scrubbed rows stand for; ``recognisers`` find personal data
    that no pattern can (names, say); ``embed``: what meanings are compared by, where they are to be.
    """
    progress = progress or Silent()
    rows: Sequence[Placed] = [_with_system(placed, system) for placed in imported.rows]
    drops, repairs, findings = list(imported.drops), list[Repair](), dict[str, Mapping[str, Any]]()
    privacy = partial(privacy_stage, config=config.privacy, vault=vault, recognisers=recognisers, public=system)
    for name, stage in _stages(config, quarantine, tools, privacy, embed).items():
        progress.start(name, len(rows))
        staged = stage(rows)
        rows = staged.rows
        drops += staged.drops
        repairs += staged.repairs
        if staged.findings:
            findings[name] = staged.findings
    report = Report(tuple(rows), tuple(drops), imported.understood, tuple(repairs), findings)
    report = discreet(report, config.privacy)
    return Curated(
        examples=tuple(placed.row for placed in rows if isinstance(placed.row, Example)),
        comparisons=tuple(placed.row for placed in rows if isinstance(placed.row, Comparison)),
        unpaired=tuple(placed.row for placed in rows if isinstance(placed.row, Unpaired)),
        report=report,
    )


def _stages(
    config: CurateConfig, quarantine: Quarantine, tools: Sequence[ToolSchema], privacy: Stage, embed: Embed | None
) -> dict[str, Stage]:
    """The stages by name, in their order: what is dropped early costs nothing later."""
    return {
        "clean": partial(clean_stage, config=config.cleaning, tools=tools),
        "preferences": partial(preference_stage, config=config.preferences, seed=config.seed),
        "quarantine": partial(quarantine_stage, quarantine=quarantine),
        "privacy": privacy,  # after the quarantine: a sealed case with a telephone in it is known by its own words
        "dedupe": partial(dedupe_stage, config=config.dedupe, embed=embed),
        "mix": partial(mix_stage, config=config.mix, seed=config.seed),
    }


def _with_system(placed: Placed, system: str) -> Placed:
    return replace(placed, row=_prompted(placed.row, system)) if system else placed


def _prompted(row: Row, system: str) -> Row:
    first = Message("system", system)
    if isinstance(row, Example):
        return row if row.messages[0].role == "system" else replace(row, messages=(first, *row.messages))
    return row if row.prompt[0].role == "system" else replace(row, prompt=(first, *row.prompt))
