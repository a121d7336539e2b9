"""The closing table: base beside candidate, the canaries, the harvest, time and memory."""

import io

from rich.console import Console
from rich.table import Table

from trimtab.cli.demo.play import Result
from trimtab.records import Metric, Scorecard

_WIDTH = 100


def closing_table(result: Result) -> str:
    """Plain text, as a person reads it at the end."""
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH)
    console.print(_scores(result))
    console.print(_steps(result))
    canary, sabotage, harvest = result.canary, result.sabotage, result.harvest
    console.print(f"gate      {result.gate['verdict']}, {len(result.gate['checks'])} checks")
    console.print(f"canary    {canary.verdict} after {canary.requests} canary requests")
    console.print(
        f"sabotage  {sabotage.gate} by the gate; forced past it, {sabotage.verdict} after {sabotage.requests} requests"
    )
    console.print(f"          {'; '.join(sabotage.drivers)}")
    console.print(f"harvest   {harvest.sft} SFT rows, {harvest.preference} pairs, {harvest.unpaired} thumbs")
    console.print(f"in all    {result.seconds / 60:.1f} minutes, {result.peak_rss_mb / 1000:.1f} GB at the most")
    return out.getvalue().rstrip()


def _scores(result: Result) -> Table:
    table = Table(title=f"release {result.release[:12]}", title_justify="left")
    table.add_column("on the sealed cases")
    for name in ("base", "candidate"):
        table.add_column(name, justify="right")
        table.add_column("n", justify="right")
    for name in result.candidate.metrics:
        cells = (cell for card in (result.base, result.candidate) for cell in _cells(card, name))
        table.add_row(name.replace("_", " "), *cells)
    return table


def _steps(result: Result) -> Table:
    table = Table()
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("peak MB", justify="right")
    for step in result.steps:
        took = ("known", "") if step.skipped else (f"{step.seconds:.1f}", f"{step.peak_rss_mb:.0f}")
        table.add_row(step.name, *took)
    return table


def _cells(card: Scorecard, name: str) -> tuple[str, str]:
    """Value with its interval, and the count of scored cases."""
    metric: Metric | None = card.metrics.get(name)
    if metric is None:
        return "-", "-"
    return f"{metric.value:.3f} [{metric.ci_low:.3f}, {metric.ci_high:.3f}]", str(metric.n)
