"""A panel as a small SVG: lines with their intervals, or bars where every series has one point."""

import math
from html import escape

from benchmarks.learn.result import Panel, Series

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 48, 64
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette: told apart by colour-blind readers too."""


def svg(panel: Panel) -> str:
    """The chart as one self-contained document."""
    frame = _Frame(panel)
    bars = all(len(series) == 1 for series in panel.series.values())
    drawn = [
        _bar(frame, name, series, colour, place, len(panel.series)) if bars else _line(frame, series, colour)
        for place, ((name, series), colour) in enumerate(zip(panel.series.items(), COLOURS, strict=False))
    ]
    legend = "" if bars else "".join(_key(name, place) for place, name in enumerate(panel.series))
    parts = [_axes(frame, panel, ticks_x=not bars), *drawn, legend, _limit(frame, panel.limit)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img">'
        f'<title>{escape(panel.title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="600">{escape(panel.title)}</text>'
        + "".join(parts)
        + "</svg>\n"
    )


class _Frame:
    """From the data's units to the picture's."""

    def __init__(self, panel: Panel) -> None:
        points = [point for series in panel.series.values() for point in series]
        tops = [point.high for point in points] + ([panel.limit] if panel.limit is not None else [])
        bottoms = [0.0, *(point.low for point in points)]
        self.ticks = _ticks(min(bottoms), max(tops) * 1.02 or 1.0)
        self.low, self.high = self.ticks[0], self.ticks[-1]
        self.left, self.right = min(p.x for p in points), max(p.x for p in points)
        self.xs = sorted({point.x for point in points})

    def x(self, value: float) -> float:
        span = self.right - self.left or 1.0
        return LEFT + 8 + (value - self.left) / span * (WIDTH - LEFT - RIGHT - 16)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, four to seven of them."""
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [place * step for place in range(first, last + 1)]


def _axes(frame: _Frame, panel: Panel, *, ticks_x: bool) -> str:
    rows = []
    for value in frame.ticks:
        y = frame.y(value)
        rows.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        rows.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:.3g}</text>')
    if ticks_x:
        rows += [
            f'<text x="{frame.x(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#555">{x:g}</text>'
            for x in frame.xs
        ]
        middle = (LEFT + WIDTH - RIGHT) / 2
        rows.append(f'<text x="{middle}" y="{HEIGHT - BOTTOM + 34}" text-anchor="middle">{escape(panel.x)}</text>')
    middle_y = (TOP + HEIGHT - BOTTOM) / 2
    turn = f'transform="rotate(-90 14 {middle_y})"'
    rows.append(f'<text x="14" y="{middle_y}" text-anchor="middle" {turn}>{escape(panel.y)}</text>')
    return "".join(rows)


def _line(frame: _Frame, series: Series, colour: str) -> str:
    path = " ".join(f"{frame.x(point.x):.1f},{frame.y(point.value):.1f}" for point in series)
    marks = "".join(
        _whisker(frame.x(point.x), frame.y(point.low), frame.y(point.high), colour)
        + f'<circle cx="{frame.x(point.x):.1f}" cy="{frame.y(point.value):.1f}" r="3.5" fill="{colour}">'
        f"<title>{point.x:g}: {point.value:.3g} [{point.low:.3g}, {point.high:.3g}], n = {point.n}</title></circle>"
        for point in series
    )
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{marks}'


def _bar(frame: _Frame, name: str, series: Series, colour: str, place: int, count: int) -> str:
    (point,) = series
    room = (WIDTH - LEFT - RIGHT) / count
    middle = LEFT + room * (place + 0.5)
    top, foot = frame.y(point.value), frame.y(max(frame.low, 0.0))
    return (
        f'<rect x="{middle - room * 0.28:.1f}" y="{min(top, foot):.1f}" width="{room * 0.56:.1f}" '
        f'height="{abs(foot - top):.1f}" fill="{colour}" fill-opacity="0.75"/>'
        + _whisker(middle, frame.y(point.low), frame.y(point.high), "#222")
        + f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(name)}</text>'
        f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 34}" text-anchor="middle" fill="#555">{point.value:.3g}</text>'
    )


def _whisker(x: float, low: float, high: float, colour: str) -> str:
    stroke = f'stroke="{colour}" stroke-width="1.5"'
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" {stroke}/>'
        f'<line x1="{x - 4:.1f}" x2="{x + 4:.1f}" y1="{low:.1f}" y2="{low:.1f}" {stroke}/>'
        f'<line x1="{x - 4:.1f}" x2="{x + 4:.1f}" y1="{high:.1f}" y2="{high:.1f}" {stroke}/>'
    )


def _key(name: str, place: int) -> str:
    x = LEFT + place * 150
    return (
        f'<circle cx="{x + 5}" cy="33" r="5" fill="{COLOURS[place % len(COLOURS)]}"/>'
        f'<text x="{x + 15}" y="37">{escape(name)}</text>'
    )


def _limit(frame: _Frame, limit: float | None) -> str:
    if limit is None:
        return ""
    y = frame.y(limit)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#b00020" stroke-dasharray="5 4"/>'
        f'<text x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end" fill="#b00020">limit {limit:g}</text>'
    )
