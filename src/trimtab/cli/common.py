"""What commands share: options, the workspace, one JSON document, a progress display."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from trimtab.loop.workspace import Workspace
    from trimtab.records import Progress

F = TypeVar("F", bound=Callable[..., Any])


def workspace_options(command: F) -> F:
    """``--workspace`` and repeated ``--set``."""
    command = click.option(
        "-w",
        "--workspace",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(),
        help="Workspace folder.  [default: here, or the nearest above]",
    )(command)
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one setting.")(command)


def workspaces_options(command: F) -> F:
    """``--workspace``, repeated for several products, and repeated ``--set``."""
    command = click.option(
        "-w",
        "--workspace",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path, file_okay=False),
        help="Workspace folder; several are served side by side.  [default: here, or the nearest above]",
    )(command)
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one setting.")(command)


def json_option(command: F) -> F:
    """``--json``: one document on stdout and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def open_workspace(folder: Path, overrides: tuple[str, ...] = ()) -> "Workspace":
    from trimtab.loop.workspace import find_workspace

    return find_workspace(folder, overrides)


def emit(value: Any) -> None:
    """The one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say(text: str = "") -> None:
    """A line for a person."""
    click.echo(text)


@contextmanager
def progress_display(quiet: bool = False) -> "Iterator[Progress]":
    """Bars on a terminal's stderr; silence in a pipe or when ``quiet``."""
    from trimtab.records import Silent

    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from trimtab.cli.bars import Bars

    with Bars() as bars:
        yield bars
