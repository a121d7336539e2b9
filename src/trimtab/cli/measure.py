"""`evaluate` and `gate`: measure a release again, and show why the gate decided as it did."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimtab.cli.batteries import evaluate_alone, list_batteries
from trimtab.cli.common import emit, json_option, open_workspace, progress_display, say, workspace_options
from trimtab.cli.main import EXIT_NO
from trimtab.records.errors import UserError

if TYPE_CHECKING:
    from trimtab.loop.workspace import Workspace
    from trimtab.records import Scorecard


@click.command()
@click.argument("which", default="stable")
@click.option("--worst", type=int, default=0, help="Also show so many of the worst answers.")
@click.option("--dry-run", is_flag=True, help="What the gate will be able to see, without asking anything.")
@click.option("--drift", is_flag=True, help="Show how the manner of answers moved from π0 and from release to release.")
@click.option("--confusion", is_flag=True, help="Also show what was done against what was due, action by action.")
@click.option("--inspect", metavar="TASK", help="Run this Inspect task instead: a registered name, or FILE.py@TASK.")
@click.option("--lm-eval", metavar="TASK", help="Run this lm-eval task instead: a registered name, or FILE.yaml.")
@click.option("--task-arg", "task_args", multiple=True, metavar="KEY=VALUE", help="An argument of that task.")
@click.option("--limit", type=click.IntRange(min=1), help="So many samples of that task at most.")
@click.option("--python", type=click.Path(path_type=Path), help="An interpreter that has the harness.")
@click.option("--url", default="", help="A running `trimtab serve` to ask, instead of one of our own.")
@click.option("--key", envvar="TRIMTAB_KEY", default="", help="The tenant's key there.  [env: TRIMTAB_KEY]")
@click.option("--battery", "batteries", multiple=True, metavar="NAME[:N]", help="Ask N fresh cases of a battery alone.")
@click.option("--batteries", "listing", is_flag=True, help="List the batteries.")
@click.option("--cases", type=click.Path(path_type=Path, dir_okay=False), help="Ask the cases of a file alone.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the batteries: another seed renews them.")
@workspace_options
@json_option
def evaluate(
    which: str,
    worst: int,
    dry_run: bool,
    drift: bool,
    confusion: bool,
    inspect: str | None,
    lm_eval: str | None,
    task_args: tuple[str, ...],
    limit: int | None,
    python: Path | None,
    url: str,
    key: str,
    batteries: tuple[str, ...],
    listing: bool,
    cases: Path | None,
    seed: int,
    workspace: Path,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Evaluate WHICH on the sealed cases; answers that are known are not asked again.

    WHICH is a release's digest, its first characters or an alias; "base" is the base model as it would be served here.
    """
    if listing:
        list_batteries(as_json)
        return
    if batteries or cases:
        evaluate_alone(which, batteries, cases, seed, workspace, overrides, as_json)
        return
    from trimtab.loop.examined import Examination, examine
    from trimtab.loop.judging import judge_release

    found = open_workspace(workspace, overrides)
    if dry_run:
        _say_foresight(found, as_json)
        return
    if drift:
        show_drift(found, which, as_json)
        return
    tasks = {"inspect": inspect, "lm-eval": lm_eval}
    asked = [
        Examination(harness, task, limit, _pairs(task_args), python, url, key)
        for harness, task in tasks.items()
        if task is not None
    ]
    with progress_display(quiet=as_json) as progress:
        cards = [examine(found, which, one, progress) for one in asked] or [judge_release(found, which, progress)]
    if as_json:
        emit(cards[0].to_json() if len(cards) == 1 else [card.to_json() for card in cards])
        return
    for card in cards:
        _say_card(card)
    if confusion:
        from trimtab.evaluate import confusion_lines

        say("\n" + "\n".join(confusion_lines(cards[0])))
    wrong = sorted(cards[0].cases.get("action_accuracy", {}).items(), key=lambda item: item[1])
    for case, score in wrong[:worst]:
        say(f"\n{case[:12]} (action {score:.0f}): {cards[0].answers.get(case)}")


def _say_foresight(found: "Workspace", as_json: bool) -> None:
    from trimtab.loop.foresight import foresight_of

    sights = foresight_of(found)
    if as_json:
        emit([sight.to_json() for sight in sights])
        return
    for sight in sights:
        say(sight.sentence)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise UserError(f"{text!r} is no argument", field="--task-arg", expected="KEY=VALUE")
    return dict(text.split("=", 1) for text in texts)


def _say_card(card: "Scorecard") -> None:
    say(f"{card.suite}")
    for name, metric in card.metrics.items():
        interval = f"[{metric.ci_low:.3f}, {metric.ci_high:.3f}]"
        left = f"  {metric.unscored} unscored" if metric.unscored else ""
        say(f"{name:<28} {metric.value:8.3f} {interval:<18} n={metric.n}{left}")


def show_drift(workspace: "Workspace", which: str, as_json: bool) -> None:
    """The drift panel, a line a release."""
    from trimtab.loop.drifting import drift_panel

    with progress_display(quiet=as_json) as progress:
        panel = drift_panel(workspace, which, progress)
    if as_json:
        emit(panel.to_json())
        return
    for sentence in panel.sentences() or ["no release beside the base model has answered these cases in words"]:
        say(sentence)


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
