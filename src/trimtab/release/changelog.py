"""The behaviour changelog: what moved between two releases, by how much, where, and what was changed to move it."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimtab.records import Behaviour, Release, Scorecard
from trimtab.release.card import scorecard_of
from trimtab.release.paired import Delta, between, delta
from trimtab.release.tables import plain, short, table


def changelog(before: Release, after: Release, level: float = 0.95) -> str:
    """Markdown from measurements alone: moves with paired intervals, slices that moved, and every changed input."""
    a, b = scorecard_of(before), scorecard_of(after)
    parts = [
        f"# `{short(after.digest)}` against `{short(before.digest)}`",
        "## What moved\n\n" + _moves(a, b, level),
        "## Slices that moved\n\n" + _slices(a, b),
        "## What was changed\n\n" + _changes(before, after),
    ]
    return "\n\n".join(parts) + "\n"


def moves(before: Scorecard, after: Scorecard, level: float = 0.95) -> list[Delta]:
    """Every metric that both have, the clearest moves first (distance from 0 in half-widths)."""
    names = [name for name in after.metrics if name in before.metrics]
    found = [one for name in names if (one := delta(after, before, name, level)) is not None]
    return sorted(found, key=_clearness, reverse=True)


def _clearness(one: Delta) -> float:
    half = (one.high - one.low) / 2
    return abs(one.value) / half if half else 0.0


def _moves(before: Scorecard | None, after: Scorecard | None, level: float) -> str:
    if before is None or after is None:
        return "Not measured: " + ("neither was" if before is after else "one of the two was not") + " evaluated."
    if before.suite_digest != after.suite_digest:
        return "Not comparable: the two were scored on different cases."
    found = moves(before, after, level)
    rows = [
        [
            plain(one.metric),
            one.moved,
            f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]",
            f"{before.metrics[one.metric].value:.3f} → {after.metrics[one.metric].value:.3f}",
            str(one.n),
            "case by case" if one.basis == "cases" else "by the two intervals",
        ]
        for one in found
    ]
    absent = sorted(before.metrics.keys() ^ after.metrics.keys())
    text = table(["metric", "moved", "change", "from → to", "n", "compared"], rows)
    return text + (f"\n\nMeasured on one side only: {', '.join(map(plain, absent))}." if absent else "")


def _slices(before: Scorecard | None, after: Scorecard | None) -> str:
    if before is None or after is None or before.suite_digest != after.suite_digest:
        return "Not measured."
    found = [
        (slice_name, one)
        for slice_name, metrics in after.slices.items()
        for name, metric in metrics.items()
        if (other := before.slices.get(slice_name, {}).get(name)) is not None
        and (one := between(name, metric, other)) is not None
        and one.moved != "no clear change"
    ]
    if not found:
        return "None beyond what chance explains."
    rows = [
        [slice_name, plain(one.metric), one.moved, f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]", str(one.n)]
        for slice_name, one in sorted(found, key=lambda pair: _clearness(pair[1]), reverse=True)
    ]
    return table(["slice", "metric", "moved", "change", "n"], rows)


def _changes(before: Release, after: Release) -> str:
    lines = [*_behaviour_changes(before.behaviour, after.behaviour), *_step_changes(before.steps, after.steps)]
    return "\n".join(lines) or "Nothing: the two are made of the same parts by the same steps."


def _behaviour_changes(before: Behaviour, after: Behaviour) -> Iterator[str]:
    a, b = before.to_json(), after.to_json()
    for name in a:
        if a[name] == b[name]:
            continue
        if name == "system_prompt":
            diff = difflib.unified_diff(a[name].splitlines(), b[name].splitlines(), lineterm="", n=0)
            changed = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
            yield "- system prompt:\n\n  ```diff\n" + "\n".join(f"  {line}" for line in changed) + "\n  ```\n"
        elif isinstance(a[name], Mapping):
            yield from (f"- {plain(name)}: {change}" for change in _differences(a[name], b[name]))
        else:
            yield f"- {plain(name)}: `{short(a[name]) or 'none'}` → `{short(b[name]) or 'none'}`"


def _step_changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    a, b = _by_name(before), _by_name(after)
    for name in [*b, *(name for name in a if name not in b)]:
        if name not in a:
            yield f"- step {name}: new"
        elif name not in b:
            yield f"- step {name}: gone"
        else:
            yield from (f"- step {name}: {change}" for change in _differences(a[name], b[name]))


def _by_name(steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    named: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        name = str(step.get("name") or step.get("step") or "step")
        while name in named:
            name += " (again)"
        named[name] = step
    return named


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """``key old → new`` for every leaf that differs."""
    before, after = dict(_leaves(a)), dict(_leaves(b))
    for key in [*after, *(key for key in before if key not in after)]:
        if before.get(key) != after.get(key):
            yield f"{key} `{short(str(before.get(key, 'none')))}` → `{short(str(after.get(key, 'none')))}`"


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item
