"""`train sft|dpo|curves`: rows and a model in, a model out, with a table, a log and curves of how it went."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trimtab.cli.common import emit, json_option, progress_display, say

if TYPE_CHECKING:
    from trimtab.cli.training.estimate import Plan
    from trimtab.cli.training.inputs import Given, Inputs
    from trimtab.cli.training.report import Places
    from trimtab.records import Progress
    from trimtab.train.config import TrainReport

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_OPTIONS = (
    click.argument("more", nargs=-1, type=_FILE, metavar="[FILE]..."),
    click.option("--model", default=None, help="Folder, hub id or package.  [default: the workspace's model]"),
    click.option("--data", multiple=True, type=_FILE, help="Rows in any format that `data import` reads."),
    click.option("--out", type=_FOLDER, required=True, help="Where the trained model goes."),
    click.option("--work", type=_FOLDER, default=None, help="Checkpoints, log, curves.  [default: OUT.work]"),
    click.option("--config", type=_FILE, default=None, help="YAML file of settings."),
    click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="One setting; may be repeated."),
    click.option("--limit", type=click.IntRange(1), default=None, help="At most so many rows."),
    click.option("--dry-run", is_flag=True, help="Rows, tokens, steps, memory and time, without training."),
    json_option,
    click.option("--quiet", is_flag=True, help="Say nothing but what went wrong."),
)


def training_options(command: F) -> F:
    """What every method's command takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def train() -> None:
    """Teach, align or reward a model. Stopped at any instant and run again, a command goes on where it was."""


@train.command()
@training_options
def sft(**options: Any) -> None:
    """Teach the assistant's turns of chats."""
    _command("sft", **options)


@train.command()
@training_options
@click.option("--reference", type=_FOLDER, default=None, help="Model to stay near.  [default: the model as it comes]")
def dpo(reference: Path | None, **options: Any) -> None:
    """Prefer the chosen answer to the rejected one."""
    _command("dpo", **options, more_arguments={"reference_folder": reference})


def _command(
    method: str,
    *,
    more: tuple[Path, ...],
    model: str | None,
    data: tuple[Path, ...],
    out: Path,
    work: Path | None,
    config: Path | None,
    overrides: tuple[str, ...],
    limit: int | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    more_arguments: dict[str, Any] | None = None,
) -> None:
    from trimtab.cli.training.inputs import Given
    from trimtab.cli.training.report import Places, aligned, document, table

    given = Given(model, (*data, *more), config, overrides, limit)
    places = Places(out, work or out.with_name(f"{out.name}.work"))
    with progress_display(quiet or as_json) as progress:
        if dry_run:
            plan = _planned(method, given, progress)
            told, lines = plan.to_json(), plan.lines()
        else:
            found, report = _trained(method, given, places, more_arguments or {}, progress)
            told, lines = document(report, found, places), table(report, found, places)
    if as_json:
        emit(told)
    elif not quiet:
        say(aligned(lines))


def _planned(method: str, given: "Given", progress: "Progress") -> "Plan":
    from trimtab.cli.training.estimate import plan
    from trimtab.cli.training.inputs import inputs
    from trimtab.model import resolve

    found = inputs(method, given)
    return plan(found, resolve(found.model, progress=progress), progress)


def _trained(
    method: str, given: "Given", places: "Places", arguments: dict[str, Any], progress: "Progress"
) -> "tuple[Inputs, TrainReport]":
    import trimtab.train
    from trimtab.cli.training.inputs import inputs
    from trimtab.cli.training.report import placed_error
    from trimtab.model import resolve
    from trimtab.records import UserError

    found = inputs(method, given)
    folder = resolve(found.model, progress=progress)
    teach = getattr(trimtab.train, f"train_{method}")
    try:
        report = teach(
            folder, found.rows, found.config, work=places.work, out=places.out, progress=progress, **arguments
        )
    except UserError as error:
        raise placed_error(error, found) from error
    return found, report
