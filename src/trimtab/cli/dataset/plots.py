"""Bars and intervals as inline SVG: one line a name, values as text beside what is drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 360.0
"""SVG units of one drawing; it is scaled to its card."""
_ROW, _BAR, _TOP = 34.0, 9.0, 2.0
_MOST = 24
_DEGREES = ("easy", "medium", "hard", "none")


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value with the ends of its interval; ``alarm`` draws it in the warning colour."""

    value: float
    low: float
    high: float
    alarm: bool = False


def bars(counts: Mapping[str, int], title: str, kind: str = "bar") -> str:
    """One bar a name, the largest first (numbers and degrees in their order); beyond 24 names, the rest is one."""
    items = sorted(counts.items(), key=_place if _ordered(counts) else lambda item: -item[1])
    if len(items) > _MOST:
        rest = items[_MOST - 1 :]
        items = [*items[: _MOST - 1], (f"{len(rest)} others", sum(count for _, count in rest))]
    most, total = max((count for _, count in items), default=0) or 1, sum(count for _, count in items) or 1
    rows = []
    for i, (name, count) in enumerate(items):
        y = _TOP + i * _ROW
        rows.append(
            _line(name, f"{count:,} · {count / total:.0%}", y)
            + f'<rect class="{kind}" x="0" y="{y + 19:g}" width="{max(1.5, WIDTH * count / most):.1f}" '
            f'height="{_BAR:g}" rx="2"/>'
        )
    return _svg(rows, f"{title}: " + ", ".join(f"{name} {count}" for name, count in items))


def quotas(strata: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Wanted (pale) and taken (full) of each stratum, what is short said in words."""
    most = max((max(row["wanted"], row["taken"]) for row in strata.values()), default=0) or 1
    rows = []
    for i, (name, row) in enumerate(strata.items()):
        y = _TOP + i * _ROW
        short = row.get("short", max(0, row["wanted"] - row["taken"]))
        text = f"{row['taken']:,} of {row['wanted']:,}" + (f" · {short:,} short" if short else "")
        pale, full = WIDTH * row["wanted"] / most, WIDTH * row["taken"] / most
        rows.append(
            _line(name, text, y)
            + f'<rect class="other" x="0" y="{y + 19:g}" width="{pale:.1f}" height="{_BAR:g}" rx="2"/>'
            + f'<rect class="{"alarm" if short else "bar"}" x="0" y="{y + 19:g}" width="{full:.1f}" '
            f'height="{_BAR:g}" rx="2"/>'
        )
    return _svg(rows, f"{title}: wanted and taken")


def intervals(found: Mapping[str, Interval], title: str) -> str:
    """A dot and its interval a name, on one scale; a dashed line where nothing would be (0, or 0.5 of a share)."""
    low = min(item.low for item in found.values())
    high = max(item.high for item in found.values())
    rest = 0.5 if low >= 0 and high <= 1 else 0.0
    low, high = min(low, rest), max(high, rest)
    reach = (high - low) or 1.0

    def x(value: float) -> float:
        return 6 + (WIDTH - 12) * (value - low) / reach

    rows = []
    for i, (name, item) in enumerate(found.items()):
        y = _TOP + i * _ROW
        middle, colour = y + 23, "alarm" if item.alarm else "bar"
        rows.append(
            _line(name, f"{item.value:.3g} [{item.low:.3g}, {item.high:.3g}]", y)
            + f'<line class="zero" x1="{x(rest):.1f}" x2="{x(rest):.1f}" y1="{y + 17:g}" y2="{y + 30:g}"/>'
            + f'<line class="span" x1="{x(item.low):.1f}" x2="{x(item.high):.1f}" y1="{middle:g}" y2="{middle:g}"/>'
            + f'<circle class="{colour}" cx="{x(item.value):.1f}" cy="{middle:g}" r="4"/>'
        )
    spoken = ", ".join(
        f"{name} {item.value:.3g} between {item.low:.3g} and {item.high:.3g}" for name, item in found.items()
    )
    return _svg(rows, f"{title}: {spoken}")


def _line(name: str, value: str, y: float) -> str:
    room = 50 - len(value)
    shown = name if len(name) <= room else name[: max(room - 1, 1)] + "…"
    return (
        f'<text x="0" y="{y + 13:g}"><title>{escape(name)}</title>{escape(shown)}</text>'
        f'<text class="soft" x="{WIDTH:g}" y="{y + 13:g}" text-anchor="end">{escape(value)}</text>'
    )


def _svg(rows: Sequence[str], spoken: str) -> str:
    height = _TOP + _ROW * len(rows)
    label = escape(spoken, quote=True)
    return f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{label}">{"".join(rows)}</svg>'


def _ordered(counts: Mapping[str, int]) -> bool:
    """Whether the names have an order of their own: numbers, or degrees of difficulty."""
    return set(counts) <= set(_DEGREES) or all(_is_number(name) for name in counts)


def _place(item: tuple[str, int]) -> float:
    return _DEGREES.index(item[0]) if item[0] in _DEGREES else float(item[0])


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
