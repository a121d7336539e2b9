"""`train sft|dpo|kto|rm|rl`: rows and a model in, a model out, a table, a log and curves of how it went."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trimtab.cli.common import emit, json_option, progress_display, say

if TYPE_CHECKING:
    from trimtab.cli.training.estimate import Plan
    from trimtab.cli.training.inputs import Given
    from trimtab.records import Progress

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_INPUT = (
    click.argument("more", nargs=-1, type=_FILE, metavar="[FILE]..."),
    click.option("--model", default=None, help="Folder, hub id or package.  [default: the workspace's model]"),
    click.option("--data", multiple=True, type=_FILE, help="Rows in any format that `data import` reads."),
    click.option("--out", type=_FOLDER, required=True, help="Where the trained model goes."),
    click.option("--work", type=_FOLDER, default=None, help="Checkpoints, log, curves.  [default: OUT.work]"),
    click.option("--config", type=_FILE, default=None, help="YAML file of settings."),
    click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="One setting; may be repeated."),
    click.option("--limit", type=click.IntRange(1), default=None, help="At most so many rows, always the same ones."),
    click.option("--dress", is_flag=True, help="Rows under the workspace's system prompt and tools, as `run` does."),
)
_WATCHED = (
    click.option("--anchor", default=None, help="π0, for monitors and for references that are fixed or re-anchored."),
    click.option("--probes", multiple=True, type=_FILE, help="Cases that the monitors ask."),
)
_ANCHORED = (
    click.option("--reference", type=_FOLDER, default=None, help="Stay near it.  [default: the model as it came]"),
    click.option("--refresh", multiple=True, type=_FILE, help="Chats for the SFT refreshes in between."),
    *_WATCHED,
)
_RUN = (
    click.option("--nproc", type=click.IntRange(1), default=1, help="Processes on this machine."),
    click.option("--dry-run", is_flag=True, help="Rows, tokens, steps, memory and time, without training."),
    json_option,
    click.option("--quiet", is_flag=True, help="Say nothing but what goes wrong."),
)


def options(*groups: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """Several groups of options, in the order in which the help shows them."""

    def decorate(command: F) -> F:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


@click.group()
def train() -> None:
    """Teach, align or reward a model. Stopped at any instant and run again, a command goes on where it was."""


@train.command()
@options(_INPUT, _WATCHED, _RUN)
def sft(**given: Any) -> None:
    """Teach the assistant's turns of chats."""
    _command("sft", **given)


@train.command()
@options(_INPUT, _ANCHORED, _RUN)
def dpo(**given: Any) -> None:
    """Prefer chosen answers to rejected ones, and the better of several."""
    _command("dpo", **given)


@train.command()
@options(_INPUT, _ANCHORED, _RUN)
def kto(**given: Any) -> None:
    """Learn from thumbs up and down on single answers."""
    _command("kto", **given)


@train.command()
@options(_INPUT, _RUN)
@click.option("--held-out", type=float, default=None, help="Share of the prompts that it is judged on.")
def rm(held_out: float | None, overrides: tuple[str, ...], **given: Any) -> None:
    """Train a reward model on pairs and rankings."""
    more = () if held_out is None else (f"held_out={held_out}",)
    _command("reward", overrides=(*overrides, *more), **given)


@train.command()
@options(_INPUT, _ANCHORED, _RUN)
@click.option(
    "--reward",
    "rewards",
    multiple=True,
    metavar="NAME=WEIGHT,...",
    help="Of route, result (or calculator), format, grounded, spans, model:FOLDER.  [default: route=1,format=0.2]",
)
def rl(**given: Any) -> None:
    """Raise the reward of sampled answers, held near a reference by a KL."""
    _command("rl", **given)


@train.command()
@click.argument("run", type=_FOLDER)
@click.option("--png", is_flag=True, help="A picture instead of a page (needs the extra `plot`).")
def curves(run: Path, png: bool) -> None:
    """Draw the curves of RUN: a --work folder, or the OUT that it belongs to."""
    from trimtab.train.curves.panels import LOG, write_curves

    beside = work_of(run)
    say(str(write_curves(beside if not (run / LOG).is_file() and beside.is_dir() else run, png=png)))


def work_of(out: Path) -> Path:
    """Where a run works whose model goes to ``out``: beside it, for ``out`` is replaced whole at the end."""
    return out.with_name(f"{out.name}.work")


def _command(
    method: str,
    *,
    data: tuple[Path, ...],
    more: tuple[Path, ...],
    out: Path,
    work: Path | None,
    nproc: int,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    from trimtab.cli.training.go import go
    from trimtab.cli.training.inputs import Given
    from trimtab.cli.training.report import Places, aligned, document, table

    if nproc > 1 and not dry_run:
        _in_processes(nproc)
        return
    asked, places = Given((*data, *more), **given), Places(out, work or work_of(out))
    with progress_display(quiet or as_json) as progress:
        if dry_run:
            plan = _planned(method, asked, progress)
            told, lines = plan.to_json(), plan.lines()
        else:
            found, report = go(method, asked, places, progress)
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


def _in_processes(nproc: int) -> None:
    """This very command in each of several processes."""
    from trimtab.train.processes.world import run_under_torchrun

    context = click.get_current_context()
    if code := run_under_torchrun(nproc, ["train", str(context.info_name), *arguments_of(context)]):
        raise click.exceptions.Exit(code)


def arguments_of(context: click.Context) -> list[str]:
    """The command line of one process that would do what ``context`` was asked: all but ``--nproc``."""
    found: list[str] = []
    last: list[str] = []
    for parameter in context.command.params:
        value = context.params[parameter.name or ""]
        values = value if isinstance(value, tuple) else (value,)
        if parameter.name == "nproc" or value is None or value is False:
            continue
        if isinstance(parameter, click.Argument):
            last += map(str, values)
        elif value is True:
            found.append(parameter.opts[0])
        else:
            found += [text for one in values for text in (parameter.opts[0], str(one))]
    return [*found, "--", *last]
