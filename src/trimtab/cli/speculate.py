"""`speculate`: measure look-up and draft decoding on a release's own prompts, and say which one serves it faster."""

from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options


@click.command()
@click.argument("which", default="stable")
@click.option("--limit", type=click.IntRange(1), default=8, show_default=True, help="Requests to measure with.")
@workspace_options
@json_option
def speculate(which: str, limit: int, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Measure guessing ahead on WHICH with development prompts; answers stay the same, only their speed moves."""
    from trimtab.loop.speculation import measure_release

    found = open_workspace(workspace, overrides)
    with progress_display(quiet=as_json) as progress:
        row = measure_release(found, which, progress, limit)
    if as_json:
        emit(row)
        return
    say(f"{'way':<8}{'streams':>8}{'speed-up':>10}{'accepted':>10}{'forwards/token':>16}{'rows/token':>12}{'same':>8}")
    for trial in row["trials"]:
        say(
            f"{trial['way']:<8}{trial['concurrency']:>8}{trial['speedup']:>9.2f}x{trial['acceptance']:>9.0%} "
            f"{trial['forwards_a_token']:>16.2f}{trial['work_a_token']:>12.2f}"
            f"{trial['identical']:>5}/{trial['requests']}"
        )
    say(f"serving.speculation: auto takes {row['chosen'] or 'none of them'} ({row['engine']}, {row['precision']})")
