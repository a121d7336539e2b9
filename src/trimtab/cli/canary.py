"""`canary start|status|stop`: the controller carries them out."""

from pathlib import Path

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options


@click.group()
def canary() -> None:
    """Start, watch or stop a canary."""


@canary.command()
@click.argument("release", default="candidate")
@click.option("--force", is_flag=True, help="Even where the gate blocked it.")
@click.option("--shadow", type=float, default=None, metavar="SHARE", help="Begin with copies. [default: canary.shadow]")
@workspace_options
def start(release: str, force: bool, shadow: float | None, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Give RELEASE (digest, prefix or alias) the first share of traffic, or copies of requests (--shadow)."""
    from trimtab.loop.steer import steer

    found = open_workspace(workspace, overrides)
    copied = found.config.canary.shadow if shadow is None else shadow
    steer(found, "canary_start", {"release": release, "force": "yes" if force else "", "shadow": str(copied)})
    if copied:
        say(f"canary {release} gets copies of {copied:.0%} of the requests to `trimtab serve`, and answers nobody")
        return
    say(f"canary {release} gets {found.config.canary.ramps[0]:.0%} of the traffic of `trimtab serve`")


@canary.command()
@click.argument("share", type=float)
@workspace_options
def shadow(share: float, workspace: Path, overrides: tuple[str, ...]) -> None:
    """Copy SHARE of the requests to the canary (0 to 1); 0 begins to send it traffic."""
    from trimtab.loop.steer import steer

    found = open_workspace(workspace, overrides)
    steer(found, "canary_shadow", {"share": str(share)})
    begun = f"gets {found.config.canary.ramps[0]:.0%} of the traffic"
    say(f"the canary gets copies of {share:.0%} of the requests" if share else f"the canary {begun}")


@canary.command()
@workspace_options
def stop(workspace: Path, overrides: tuple[str, ...]) -> None:
    """All traffic back to stable; the release keeps its place in the registry."""
    from trimtab.loop.steer import steer

    steer(open_workspace(workspace, overrides), "canary_stop", {})
    say("the canary is stopped")


@canary.command()
@workspace_options
@json_option
def status(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Signals of both arms, the decision and what drives it."""
    from trimtab.cli.status import print_canary
    from trimtab.loop.status import status as read

    found = open_workspace(workspace, overrides)
    seen = read(found.store, found.config.canary)
    if as_json:
        emit(seen.to_json()["canary"])
    else:
        print_canary(seen.canary)
