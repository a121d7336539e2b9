"""Curves as one self-contained page: inline SVG, light and dark, values under the pointer or the arrow keys."""

import json
import math
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

from trimtab.text import document, facts_row
from trimtab.train.curves.panels import Curves, Limit, Panel

WIDTH, HEIGHT = 360.0, 190.0
"""Of one panel's drawing, in SVG units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 8.0, 10.0, 24.0
Points = Sequence[tuple[float, float]]
_Scale = Callable[[float], float]
_Path = Callable[[Points, str], str]


def page(curves: Curves) -> str:
    """The HTML document."""
    data = {f"p{i}": [[_short(x), _short(y)] for x, y in panel.points] for i, panel in enumerate(curves.panels)}
    frame = {"steps": curves.steps, "left": _LEFT, "right": WIDTH - _RIGHT}
    written = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    script = f"const DATA = {written}, FRAME = {json.dumps(frame)};\n" + _resource("page.js")
    return document(title(curves), _body(curves), style=_resource("page.css"), script=script)


def _resource(name: str) -> str:
    return files("trimtab.train.curves").joinpath(name).read_text("utf-8")


def _body(curves: Curves) -> str:
    method = [(i, panel) for i, panel in enumerate(curves.panels) if not panel.monitor]
    watched = [(i, panel) for i, panel in enumerate(curves.panels) if panel.monitor]
    return "\n".join(
        (
            f'<header><h1>{escape(title(curves))}</h1><div class="key">{_key(curves)}</div></header>',
            facts_row(_tiles(curves)),
            _section("Training", method, curves) + _section("Monitors", watched, curves),
            "<footer>Point at a curve, or use the left and right arrow keys, to read its values step by step.</footer>",
        )
    )


def title(curves: Curves) -> str:
    """The run in a few words."""
    return f"{curves.method} · {curves.steps} step{'s' * (curves.steps != 1)}".strip(" ·")


def number(value: float) -> str:
    """A value as people read it: four figures, thousands grouped, no exponent where none is needed."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    size = abs(value)
    if size >= 10_000:
        return f"{value:,.0f}"
    if size < 1e-3:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.4g}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values within ``[low, high]``, about ``count`` of them: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def span(panel: Panel) -> tuple[float, float]:
    """Lowest and highest value drawn, with air; thresholds far off the curve do not flatten it. A single spike at
    the start does not either: the top is cut at six times the spread of the middle 98 %."""
    values = sorted(value for _, value in panel.points)
    low, high = values[0], values[-1]
    if high - low <= 1e-9 * abs(high):
        return low - (abs(low) / 2 or 1.0), high + (abs(high) / 2 or 1.0)
    cut = max(1, len(values) // 50)
    if len(values) >= 50 and high - low > 6 * (values[-1 - cut] - values[cut]) > 0:
        low, high = min(low, values[cut]), values[-1 - cut]
    reach = max(high - low, abs(high) * 0.02, 1e-12)
    for limit in panel.limits:
        for _, value in limit.points:
            if low - 2 * reach <= value <= high + 2 * reach:
                low, high = min(low, value), max(high, value)
    air = 0.06 * max(high - low, abs(high) * 0.02, 1e-12)
    floor = 0.0 if 0 <= low < 0.25 * high else low - air
    return floor, high + air


def _section(title: str, panels: Sequence[tuple[int, Panel]], curves: Curves) -> str:
    if not panels:
        return ""
    return f'<h2>{title}</h2><div class="grid">' + "".join(_figure(i, p, curves) for i, p in panels) + "</div>"


def _figure(place: int, panel: Panel, curves: Curves) -> str:
    title = escape(panel.name.replace("_", " "))
    shown = panel.trend[-1][1] if panel.trend else panel.last
    return (
        f'<figure id="p{place}"><figcaption><span>{title}</span>'
        f'<output data-rest="{number(shown)}">{number(shown)}</output></figcaption>'
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(_spoken(panel), quote=True)}">'
        f"{_drawing(place, panel, curves)}</svg></figure>"
    )


def _drawing(place: int, panel: Panel, curves: Curves) -> str:
    low, high = span(panel)
    inner = _TOP, HEIGHT - _BOTTOM

    def x(step: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * step / max(curves.steps, 1)

    def y(value: float) -> float:
        return inner[1] - (inner[1] - inner[0]) * (value - low) / (high - low)

    def path(points: Points, kind: str) -> str:
        steps = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
        return f'<polyline class="{kind}" points="{steps}"/>'

    bands = "".join(
        f'<rect class="band" x="{x(a - 1):.1f}" y="{inner[0]:g}" width="{max(1.5, x(b) - x(a - 1)):.1f}" '
        f'height="{inner[1] - inner[0]:g}"/>'
        for a, b in curves.refreshes
    )
    marks = _marks([(x(s), y(v)) for s, v in panel.points]) if panel.monitor or len(panel.points) <= 12 else ""
    lines = path(panel.points, "faint" if panel.trend else "line")
    lines += path(panel.trend, "line") if panel.trend else ""
    limits = "".join(_limit(limit, path, x, y, inner) for limit in panel.limits)
    clip = f'<clipPath id="c{place}"><rect x="{_LEFT:g}" y="{_TOP - 4:g}" width="{WIDTH - _LEFT:g}" '
    clip += f'height="{inner[1] - inner[0] + 8:g}"/></clipPath>'
    return (
        f'{clip}{bands}{_axes(low, high, curves.steps, x, y)}<g clip-path="url(#c{place})">{limits}{lines}{marks}</g>'
        f'<g class="cursor" visibility="hidden"><line y1="{inner[0]:g}" y2="{inner[1]:g}"/>'
        f'<circle r="3.6" data-low="{low:.8g}" data-high="{high:.8g}"/></g>'
    )


def _limit(limit: Limit, path: _Path, x: _Scale, y: _Scale, inner: tuple[float, float]) -> str:
    """The threshold's line, with what lies beyond it shaded."""
    if not limit.side:
        return path(limit.points, "limit")
    edge = inner[0] if limit.side == "above" else inner[1]
    outline = [(x(s), min(max(y(v), inner[0]), inner[1])) for s, v in limit.points]
    area = [*outline, (outline[-1][0], edge), (outline[0][0], edge)]
    return f'<polygon class="beyond" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in area)}"/>' + path(
        limit.points, "limit"
    )


def _axes(low: float, high: float, steps: int, x: _Scale, y: _Scale) -> str:
    right = WIDTH - _RIGHT
    rows = "".join(
        f'<line class="rule" x1="{_LEFT:g}" x2="{right:g}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text class="tick" x="{_LEFT - 6:g}" y="{y(v) + 3.5:.1f}" text-anchor="end">{number(v)}</text>'
        for v in ticks(low, high)
    )
    anchor = {True: "end", False: "middle"}
    columns = "".join(
        f'<text class="tick" x="{x(v):.1f}" y="{HEIGHT - 7:g}" text-anchor="{anchor[x(v) > right - 12]}">'
        f"{v:,.0f}</text>"
        for v in ticks(0, steps, 5)
        if v == round(v)
    )
    return rows + columns


def _marks(points: Points) -> str:
    return "".join(f'<circle class="mark" cx="{a:.1f}" cy="{b:.1f}" r="2.4"/>' for a, b in points)


def _spoken(panel: Panel) -> str:
    """The curve in words, for those who do not see it."""
    values = [value for _, value in panel.points]
    text = f"{panel.name.replace('_', ' ')}: {number(values[0])} at first, {number(values[-1])} at last, "
    return text + f"between {number(min(values))} and {number(max(values))} over {len(values)} points"


def _tiles(curves: Curves) -> list[tuple[str, str]]:
    facts, loss = curves.facts, next((panel for panel in curves.panels if panel.name == "loss"), None)
    tiles = [("loss", f"{number(loss.points[0][1])} → {number(loss.last)}")] if loss is not None else []
    if not facts:
        return tiles
    return [
        *tiles,
        ("tokens learned from", f"{facts['tokens']:,.0f}"),
        ("tokens computed", f"{facts['computed']:,.0f}"),
        ("sharing", f"{facts['tokens'] / max(facts['computed'], 1):.2f}×"),
        ("tokens a second", f"{facts['speed']:,.0f}"),
        ("time in steps", _duration(facts["seconds"])),
    ]


def _key(curves: Curves) -> str:
    items = []
    if any(panel.trend for panel in curves.panels):
        items += ['<span><i class="k-faint"></i>each step</span>', '<span><i class="k-line"></i>trend</span>']
    sides = {limit.side for panel in curves.panels for limit in panel.limits}
    if sides:
        items.append(f'<span><i class="k-limit"></i>{"threshold, shaded beyond" if sides - {""} else "clip"}</span>')
    if curves.refreshes:
        items.append('<span><i class="k-band"></i>SFT refresh</span>')
    return "".join(items)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _short(value: float) -> float:
    return float(f"{value:.6g}")
