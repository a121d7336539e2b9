"""`completion`: the shell's script, to be sourced or saved."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL, for example: eval "$(trimtab completion bash)"."""
    from trimtab.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "trimtab", "_TRIMTAB_COMPLETE").source())
