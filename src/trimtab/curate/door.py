"""The data door: what was imported goes through a row of stages, or is named with the reason why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from trimtab.curate.cleaning import clean_stage
from trimtab.curate.config import CurateConfig
from trimtab.curate.dedupe import dedupe_stage
from trimtab.curate.place import Imported, Placed
from trimtab.curate.preferences import preference_stage
from trimtab.curate.privacy import Vault, discreet, privacy_stage
from trimtab.curate.quarantine import Quarantine, quarantine_stage
from trimtab.curate.report import Report
from trimtab.curate.stage import Repair, Stage
from trimtab.curate.strata.difficulty import Measure, difficulty_stage
from trimtab.curate.strata.hard import salted_mix_stage
from trimtab.curate.vectors import Embed
from trimtab.records import Comparison, Example, Message, Progress, Row, Silent, ToolSchema, Unpaired
from trimtab.text import Recogniser

CODE_VERSION = 5
"""Raised by hand when the same input gives other rows."""


@dataclass(frozen=True, slots=True)
class Aids:
    """What the door is lent from rooms below it; each is asked for only where the config needs it."""

    tools: Sequence[ToolSchema] = ()
    """The product's own, by which calls of rows that bring none are checked."""
    vault: Vault | None = None
    """Holds what the placeholders of scrubbed rows stand for."""
    recognisers: Sequence[Recogniser] = ()
    """Find personal data that no pattern can: names, say."""
    embed: Embed | None = None
    """What meanings are compared by."""
    measure: Measure | None = None
    """Rows to their difficulty for π0."""


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
    aids: Aids | None = None,
    progress: Progress | None = None,
) -> Curated:
    """Rows fit to learn from, the same for the same input and seed, and a report in which nothing is lost silently.

    ``system``: put before rows that carry no system prompt, so that training sees what serving will. The mix is of
    examples; comparisons and thumbs pass it by.
    """
    progress = progress or Silent()
    rows: Sequence[Placed] = [_with_system(placed, system) for placed in imported.rows]
    drops, repairs, findings = list(imported.drops), list[Repair](), dict[str, Mapping[str, Any]]()
    for name, stage in _stages(config, quarantine, system, aids or Aids()).items():
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


def _stages(config: CurateConfig, quarantine: Quarantine, system: str, aids: Aids) -> dict[str, Stage]:
    """The stages by name, in their order: what is dropped early costs nothing later."""
    hide = partial(privacy_stage, config=config.privacy, vault=aids.vault, recognisers=aids.recognisers, public=system)
    return {
        "clean": partial(clean_stage, config=config.cleaning, tools=aids.tools),
        "preferences": partial(preference_stage, config=config.preferences, seed=config.seed),
        "quarantine": partial(quarantine_stage, quarantine=quarantine),
        "privacy": hide,  # after the quarantine: a sealed case with a telephone in it is known by its own words
        "dedupe": partial(dedupe_stage, config=config.dedupe, embed=aids.embed),
        "difficulty": partial(difficulty_stage, config=config.difficulty, measure=aids.measure),
        "mix": partial(salted_mix_stage, mix=config.mix, hard=config.hard, seed=config.seed),
    }


def _with_system(placed: Placed, system: str) -> Placed:
    return replace(placed, row=_prompted(placed.row, system)) if system else placed


def _prompted(row: Row, system: str) -> Row:
    first = Message("system", system)
    if isinstance(row, Example):
        return row if row.messages[0].role == "system" else replace(row, messages=(first, *row.messages))
    return row if row.prompt[0].role == "system" else replace(row, prompt=(first, *row.prompt))
