"""The command group: each command's module is imported only when that command runs."""

import importlib
import sys
from collections.abc import Sequence

import click

from trimtab import __version__
from trimtab.records.errors import Stopped, UserError

EXIT_NO, EXIT_USER, EXIT_OURS = 1, 2, 3

COMMANDS = {
    "init": ("workspace", "Start a workspace, from the template or from your own file."),
    "demo": ("demo", "The whole loop once, on a real model, in a workspace of its own."),
    "doctor": ("doctor", "Check this machine, the model and the workspace."),
    "config": ("workspace", "Show the configuration and where each value came from."),
    "run": ("run", "One turn: curate, teach, align, evaluate, gate, release as candidate."),
    "evaluate": ("measure", "Evaluate a release on the sealed cases."),
    "gate": ("measure", "Show the gate's checks for a release; exit 1 where it blocks."),
    "speculate": ("speculate", "Measure guessing ahead on a release; `serve` then does what wins."),
    "serve": ("serve", "Serve the stable release, and the canary beside it."),
    "keys": ("keys", "Tenants' keys: create, list, show, set limits, revoke."),
    "canary": ("canary", "Start, watch or stop a canary."),
    "promote": ("releases", "Make a release the stable one."),
    "rollback": ("releases", "Go back to the release before, or to the one named."),
    "harvest": ("harvest", "Turn judged traffic into rows for the next turn."),
    "backlog": ("harvest", "Harvested rows that wait: list, show, accept, refuse, edit, triage."),
    "status": ("status", "Where the loop stands."),
    "dashboard": ("serve", "One page: signals, verdict, releases, the rollback switch."),
    "verify": ("verify", "Hold a release against its record and the trainer; exit 1 where it differs."),
    "chat": ("chat", "Talk to a release, or to two side by side."),
    "release": ("releases", "List releases, or show one."),
    "card": ("releases", "Print a release's model card."),
    "diff": ("releases", "Say how behaviour moved between two releases."),
    "trace": ("status", "Show one served request, or the latest."),
    "train": ("train", "Teach, align or reward a model, from files to a folder."),
    "data": ("data", "Import, export, check and count training data."),
    "curate": ("curate", "The data door alone: sources in, rows that may be learnt out."),
    "quarantine": ("quarantine", "Seal cases, check rows against them, rotate, show who looked."),
    "redteam": ("redteam", "Red-team corpora: import, list, show, split, diff, check."),
    "export": ("releases", "Write a release as a Hugging Face folder or a GGUF file."),
    "gc": ("releases", "Remove artefacts that no alias and no rollback needs."),
    "completion": ("completion", "Print the shell completion script."),
}


class LazyGroup(click.Group):
    """Names and help without imports; a command's module is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"trimtab.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trimtab")
def cli() -> None:
    """Trimtab closes the loop of post-training: teach, align, evaluate, gate, release, canary, roll back, harvest."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; 0 done, 1 a gate or check said no, 2 the user must mend something, 3 our fault."""
    try:
        # Click returns the code of an Exit that a command raises; no command returns a number of its own.
        code = cli.main(args=None if arguments is None else list(arguments), prog_name="trimtab", standalone_mode=False)
        if code:
            sys.exit(code)
    except click.Abort:
        click.echo("stopped; run the same command again to go on", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USER)
    except Stopped as stop:
        _say(f"stopped: {stop}", stop)
        sys.exit(EXIT_NO)
    except UserError as error:
        _say(f"trimtab: {error}", error)
        sys.exit(EXIT_USER)
    except OSError as error:
        _full_disk(error)
        raise
    except KeyboardInterrupt:
        click.echo("stopped; run the same command again to go on", err=True)
        sys.exit(130)
    except Exception:
        if _is_an_echo():
            sys.exit(EXIT_OURS)
        raise


def _say(text: str, error: UserError | Stopped) -> None:
    """One of several processes leaves its message to the command that started them: it is said once."""
    from trimtab.train.processes.world import leave_verdict

    if not leave_verdict(error):
        click.echo(text, err=True)


def _is_an_echo() -> bool:
    """Whether another of several processes has said what is wrong, and this one only lost touch with it."""
    from trimtab.train.processes.world import verdict_left

    return verdict_left()


def _full_disk(error: OSError) -> None:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        click.echo(
            f"trimtab: the disk is full ({error.filename or 'while writing'}). Free some space (`trimtab gc`) "
            "and run the same command again: nothing that was finished is lost",
            err=True,
        )
        sys.exit(EXIT_USER)
