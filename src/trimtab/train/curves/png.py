"""Curves as one picture, through matplotlib."""

import io
from typing import Any

from trimtab.records import UserError
from trimtab.train.curves.page import span, title
from trimtab.train.curves.panels import Curves, Panel

_COLUMNS = 3
_LINE, _LIMIT, _BAND = "#0067a8", "#b84a00", "#008060"


def picture(curves: Curves) -> bytes:
    """A PNG of all panels. Raises UserError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("a picture needs matplotlib", fix="pip install 'trimtab[plot]'") from error
    rows = -(-len(curves.panels) // _COLUMNS)
    figure = Figure(figsize=(4.4 * _COLUMNS, 2.7 * rows + 0.4), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    figure.suptitle(title(curves), fontsize=13, fontweight="bold")
    grid: Any = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes, panel in zip(grid.flat, curves.panels, strict=False):
        _draw(axes, panel, curves)
    for axes in list(grid.flat)[len(curves.panels) :]:
        axes.set_axis_off()
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _draw(axes: Any, panel: Panel, curves: Curves) -> None:
    x, y = zip(*panel.points, strict=True)
    marker = {"marker": "o", "markersize": 3} if panel.monitor else {}
    axes.plot(x, y, color=_LINE, linewidth=0.8 if panel.trend else 1.6, alpha=0.35 if panel.trend else 1.0, **marker)
    if panel.trend:
        axes.plot(*zip(*panel.trend, strict=True), color=_LINE, linewidth=1.6)
    for limit in panel.limits:
        axes.plot(*zip(*limit.points, strict=True), color=_LIMIT, linewidth=1.1, linestyle="--")
    for first, last in curves.refreshes:
        axes.axvspan(first - 1, last, color=_BAND, alpha=0.15, linewidth=0)
    axes.set_xlim(0, curves.steps)
    axes.set_ylim(*span(panel))
    axes.set_title(panel.name.replace("_", " "), fontsize=10, loc="left", fontweight="bold")
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
