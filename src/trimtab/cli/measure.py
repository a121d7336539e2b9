"""`evaluate` and `gate`: measure a release again, and show why the gate decided as it did."""

from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO


@click.command()
@click.argument("which", default="stable")
@click.option("--worst", type=int, default=0, help="Also show so many of the worst answers.")
@click.option("--confusion", is_flag=True, help="Also show what was done against what was due, action by action.")
@workspace_options
@json_option
def evaluate(
    which: str, worst: int, confusion: bool, workspace: Path, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Evaluate WHICH on the sealed cases; answers that are known are not asked again."""
    from trimtab.loop.judging import judge_release

    found = open_workspace(workspace, overrides)
    with progress_display(quiet=as_json) as progress:
        scorecard = judge_release(found, which, progress)
    if as_json:
        emit(scorecard.to_json())
        return
    for name, metric in scorecard.metrics.items():
        interval = f"[{metric.ci_low:.3f}, {metric.ci_high:.3f}]"
        left = f"  {metric.unscored} unscored" if metric.unscored else ""
        say(f"{name:<28} {metric.value:8.3f} {interval:<18} n={metric.n}{left}")
    if confusion:
        from trimtab.evaluate import confusion_lines

        say("\n" + "\n".join(confusion_lines(scorecard)))
    wrong = sorted(scorecard.cases.get("action_accuracy", {}).items(), key=lambda item: item[1])
    for case, score in wrong[:worst]:
        say(f"\n{case[:12]} (action {score:.0f}): {scorecard.answers.get(case)}")


@click.command()
@click.argument("which", default="candidate")
@workspace_options
@json_option
def gate(which: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the gate's checks for WHICH; exit 1 where it blocks."""
    from trimtab.release import get

    verdict = get(open_workspace(workspace, overrides).store, which).gate
    if as_json:
        emit(verdict)
    else:
        for check in verdict.get("checks", ()):
            say(f"{'ok ' if check['passed'] else 'NO '} {check['kind'].replace('_', ' '):<16} {check['name']}")
            say(f"      {check['reason']}")
        say(f"the gate says {verdict.get('verdict', 'nothing: this release was not gated')}")
    if verdict.get("verdict") != "passed":
        raise click.exceptions.Exit(EXIT_NO)
