"""The drift panel: the manner of the last releases on one suite, each against π0 and against the one before."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from trimtab.evaluate import Drift, style_drift
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.judging import behaviour_named, judge, judged, judged_key, sealed_suite
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.model import resolve
from trimtab.records import Progress, Scorecard
from trimtab.release import releases

LAST = 10
"""Releases that a panel shows."""


@dataclass(frozen=True, slots=True)
class Panel:
    """``from_base``: each release's drift from π0, oldest first; ``steps``: each one's from the release before it."""

    from_base: tuple[Drift, ...]
    steps: tuple[Drift, ...]

    def to_json(self) -> dict[str, Any]:
        return {name: [one.to_json() for one in getattr(self, name)] for name in self.__slots__}

    def sentences(self) -> list[str]:
        """What a person should know, a line a release."""
        return [sentence(one) for one in self.from_base]


def panel(cards: list[Scorecard], level: float = 0.95) -> Panel:
    """The panel of scorecards of one suite that answered in words, π0's first; pure."""
    kept = [card for card in cards if _comparable(cards[0], card)]
    return Panel(
        tuple(style_drift(kept[0], card, level) for card in kept[1:]),
        tuple(style_drift(before, after, level) for before, after in pairwise(kept) if _comparable(before, after)),
    )


def _comparable(before: Scorecard, after: Scorecard) -> bool:
    """Whether both answered some case of one suite in words."""
    common = set(before.manner.get("cases", ())) & set(after.manner.get("cases", ()))
    return before.suite_digest == after.suite_digest and bool(common)


def drift_panel(workspace: Workspace, which: str, progress: Progress) -> Panel:
    """π0, the releases whose scorecards on today's sealed cases are known, and ``which``, judged where it is not."""
    context = Context(workspace, {}, progress, "evaluate")
    store = workspace.store
    base = store.artefacts.put(resolve(workspace.config.model, progress=progress))
    suite, chosen = sealed_suite(workspace), behaviour_named(workspace, which, progress)
    first = judge(context, behaviour_of(workspace, base), suite, base).scorecard
    last = judge(context, chosen, suite, base).scorecard
    between: dict[str, Scorecard] = {}
    for release in releases(store):
        kept = judged(store, judged_key(workspace, release.behaviour, suite, base))
        if kept is not None:
            between[kept.scorecard.release] = kept.scorecard
    ends = (first.release, last.release)
    shown = [card for name, card in between.items() if name not in ends][-LAST:]
    return panel([first, *shown, *([last] if last.release != first.release else [])])


def sentence(drift: Drift) -> str:
    """One release's drift in words."""
    moved = [one for one in drift.shifts if one.moved][:3]
    shifts = ", ".join(
        f"{one.feature} {one.before:.3g} → {one.after:.3g} [{one.low:+.2g}, {one.high:+.2g}]" for one in moved
    )
    varied = ", ".join(
        f"{one.metric} {one.delta:+.3g} [{one.low:+.2g}, {one.high:+.2g}]"
        for one in drift.changes
        if one.verdict != "same"
    )
    verdict = "moved" if drift.moved else "no clear move"
    parts = [f"{drift.after[:12]} from {drift.before[:12]}: {verdict} (p = {drift.p_value:.3f}, n = {drift.n})"]
    return "; ".join(parts + [one for one in (shifts, varied) if one])
