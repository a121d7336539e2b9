"""`serve` and `dashboard`: the two commands that listen."""

import os
import secrets
from pathlib import Path

import click

from trimtab.cli.common import open_workspace, say, workspace_options, workspaces_options
from trimtab.records.errors import UserError


@click.command()
@click.option("--host", default=None, help="[default: gateway.host]")
@click.option("--port", type=int, default=None, help="[default: gateway.port]")
@click.option("--insecure", is_flag=True, help="Let other machines in without keys.")
@workspaces_options
def serve(
    host: str | None, port: int | None, insecure: bool, folders: tuple[Path, ...], overrides: tuple[str, ...]
) -> None:
    """Serve the stable release with the OpenAI API, the canary beside it, until stopped.

    Several -w are several products on one port, each by its gateway.name. Once `trimtab keys create` has made a key,
    every request to that workspace needs one.
    """
    from trimtab.loop.live import Live
    from trimtab.loop.products import Products, check_names
    from trimtab.serve import bind, check_exposure, run_server

    found = [open_workspace(folder, overrides) for folder in folders or (Path(),)]
    check_names(found)
    gateway, names = found[0].config.gateway, ", ".join(one.config.gateway.name for one in found)
    with bind(host or gateway.host, gateway.port if port is None else port) as listener:
        for one in found:
            try:
                check_exposure(listener, has_keys=bool(one.store.tenants.list_keys()), insecure=insecure)
            except UserError as error:
                raise error.at(file=one.root) from error
        live = Live(found[0]) if len(found) == 1 else Products(found)
        run_server(
            live.app,
            listener=listener,
            on_ready=lambda url: say(f"serving {names} on {url}/v1"),
            drain=live.gateway if isinstance(live, Live) else live.router,
        )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8420, show_default=True)
@workspace_options
def dashboard(host: str, port: int, workspace: Path, overrides: tuple[str, ...]) -> None:
    """One page over the workspace: both arms' signals, the verdict, releases, the rollback switch."""
    from trimtab.loop.status import status
    from trimtab.loop.steer import steer
    from trimtab.serve import bind, run_server
    from trimtab.web import create_dashboard

    found = open_workspace(workspace, overrides)
    listener = bind(host, port)
    token_file = found.state / "admin.token"

    def rollback(which: str | None) -> str:
        steer(found, "rollback", {"release": which or ""})
        return found.store.aliases.get("stable") or ""

    app = create_dashboard(lambda: status(found.store, found.config.canary), rollback, admin_token(token_file))
    run_server(
        app,
        listener=listener,
        on_ready=lambda url: say(f"dashboard on {url}\nadmin token in {token_file}"),
    )


def admin_token(path: Path) -> str:
    """The workspace's admin token, made on first use and readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text("utf-8").strip()
