"""`init` and `config`: begin a workspace and see what it is set to."""

from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options
from trimtab.records.errors import UserError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your own rows (JSON Lines, CSV, Parquet): the format is guessed and said.",
)
@click.option("--name", default=None, help="The assistant's name.  [default: the folder's]")
@json_option
def init(folder: Path, source: Path | None, name: str | None, as_json: bool) -> None:
    """Start a workspace in FOLDER: the support template, or one around your own file."""
    from trimtab.loop.workspace import CONFIG_NAME

    if (folder / CONFIG_NAME).exists():
        raise UserError("there is a workspace already", file=folder / CONFIG_NAME, fix="Choose another folder")
    if source is None:
        from trimtab.cli.template import write_template

        understood = write_template(folder, name)
    else:
        from trimtab.cli.template import write_from

        understood = write_from(folder, source, name)
    if as_json:
        emit({"workspace": str(folder), "understood": understood})
        return
    say(understood)
    say(f"\nworkspace: {folder.resolve()}\nnext: trimtab -h, or\n  cd {folder}\n  trimtab run --dry-run\n  trimtab run")


@click.command()
@click.option("--resolved", "show_resolved", is_flag=True, help="Every value and where it came from.")
@click.option("--schema", is_flag=True, help="The JSON Schema of trimtab.yaml.")
@workspace_options
@json_option
def config(show_resolved: bool, schema: bool, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check trimtab.yaml; show values, their origins, or the schema."""
    if schema:
        from trimtab.loop.config import Config

        emit(Config.model_json_schema())
        return
    found = open_workspace(workspace, overrides)
    if not show_resolved:
        if as_json:
            emit(found.config.model_dump(mode="json"))
        else:
            say(f"{found.root / 'trimtab.yaml'}: ok. `trimtab config --resolved` shows every value and its origin")
        return
    from trimtab.loop.yaml_config import resolved

    settings = resolved(found.root / "trimtab.yaml", overrides)
    if as_json:
        emit([{"name": item.name, "value": _plain(item.value), "origin": item.origin} for item in settings])
        return
    width = max(len(item.name) for item in settings)
    for item in settings:
        say(f"{item.name:<{width}}  {_plain(item.value)!s:<40}  {item.origin}")


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
