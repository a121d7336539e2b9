"""`keys`: tenants by their keys, with what each may take and has taken."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli.common import emit, json_option, open_workspace, say, workspace_options
from trimtab.cli.limits import changes_of, expiry_of
from trimtab.records.errors import UserError

if TYPE_CHECKING:
    from trimtab.serve.tenants import Tenant
    from trimtab.store import KeyRecord, Spend, Store

_OPTIONS = (
    ("--models", "PATTERN,…", "Models it may use, such as 'trimtab' or 'trimtab@*'."),
    ("--requests-per-minute", "N", "Requests a minute."),
    ("--tokens-per-minute", "N", "Tokens a minute, prompt and answer."),
    ("--parallel", "N", "Requests under way at once."),
    ("--daily-dollars", "X", "Budget of a calendar day (UTC)."),
    ("--monthly-dollars", "X", "Budget of a calendar month (UTC)."),
)


def _limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, metavar, text in reversed(_OPTIONS):
        command = click.option(name, metavar=metavar, default=None, help=f"{text} 'none': no limit.")(command)
    return command


@click.group()
def keys() -> None:
    """Tenants' keys: create, list, show, set limits, revoke. A running gateway notices within a second or two."""


@keys.command()
@click.argument("tenant")
@_limit_options
@click.option("--expires", metavar="30d|DATE", default=None, help="When the key ends (UTC).  [default: never]")
@workspace_options
@json_option
def create(
    tenant: str, expires: str | None, workspace: Path, overrides: tuple[str, ...], as_json: bool, **limits: str | None
) -> None:
    """Make a key for TENANT and print it: once, for only its hash is kept."""
    from trimtab.serve.tenants import issue_key

    store, now = open_workspace(workspace, overrides).store, _now()
    until = expiry_of(expires, now)
    _change(store, tenant, limits, now)
    key, record = issue_key(tenant, now=now, expires=until)
    store.tenants.add_key(record)
    if as_json:
        emit({"key": key, **_key_json(record, now)})
        return
    say(key)
    click.echo(f"the key of {tenant}; it is shown this once", err=True)


@keys.command(name="list")
@workspace_options
@json_option
def list_(workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """List every key by its first letters."""
    store, now = open_workspace(workspace, overrides).store, _now()
    rows = [_key_json(record, now) for record in store.tenants.list_keys()]
    if as_json:
        emit(rows)
        return
    for row in rows:
        say(f"{row['prefix']}…  {row['tenant']:<20} {row['state']:<8} made {row['created']}  ends {row['expires']}")
    if not rows:
        say("no keys: the gateway is open to this machine. Make one with `trimtab keys create TENANT`")


@keys.command()
@click.argument("tenant")
@workspace_options
@json_option
def show(tenant: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show what TENANT may take, and what it took today and this month."""
    store, now = open_workspace(workspace, overrides).store, _now()
    _print_tenant(store, _known(store, tenant), now, as_json)


@keys.command(name="set")
@click.argument("tenant")
@_limit_options
@workspace_options
@json_option
def set_(tenant: str, workspace: Path, overrides: tuple[str, ...], as_json: bool, **limits: str | None) -> None:
    """Change limits of TENANT; those not named stay."""
    store, now = open_workspace(workspace, overrides).store, _now()
    _known(store, tenant)
    if all(value is None for value in limits.values()):
        raise UserError("nothing to change", expected="at least one limit", fix="See `trimtab keys set --help`")
    _print_tenant(store, _change(store, tenant, limits, now), now, as_json)


@keys.command()
@click.argument("which", metavar="PREFIX|TENANT")
@workspace_options
@json_option
def revoke(which: str, workspace: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """End a key by its first letters, or all keys of a tenant."""
    store, now = open_workspace(workspace, overrides).store, _now()
    found = _matching(store, which)
    ended = store.tenants.revoke([record.hash for record in found], time=now)
    if as_json:
        emit({"revoked": ended, "prefixes": [record.prefix for record in found]})
    else:
        say(f"revoked {ended}: {', '.join(record.prefix + '…' for record in found)}")


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _matching(store: "Store", which: str) -> "list[KeyRecord]":
    """The tenant's keys, or the one key that begins so. Raises UserError for none, and for a prefix of several."""
    if found := store.tenants.list_keys(which):
        return found
    records = store.tenants.list_keys()
    # A whole key may be given too; only its first letters are known.
    found = [record for record in records if which and (record.prefix.startswith(which) or which[:11] == record.prefix)]
    if not found:
        raise UserError(f"no key or tenant {which!r}", fix="See `trimtab keys list`")
    if len(found) > 1:
        raise UserError(f"{len(found)} keys begin with {which!r}", expected="more of its letters, or a tenant")
    return found


def _known(store: "Store", name: str) -> "Tenant":
    from trimtab.serve.tenants import tenant_from_json

    settings = store.tenants.get(name)
    if settings is None:
        raise UserError(f"no tenant {name!r}", fix="See `trimtab keys list`")
    return tenant_from_json(name, settings)


def _change(store: "Store", name: str, given: dict[str, str | None], now: float) -> "Tenant":
    """Write the limits that were given over those there are. Raises UserError."""
    from trimtab.serve.tenants import tenant_from_json

    tenant = tenant_from_json(name, {**(store.tenants.get(name) or {}), **changes_of(given)})
    store.tenants.put(name, tenant.to_json(), time=now)
    return tenant


def _key_json(record: "KeyRecord", now: float) -> dict[str, Any]:
    state = "revoked" if record.revoked is not None else "active" if record.is_valid(now) else "expired"
    times = {name: _date(getattr(record, name)) for name in ("created", "expires", "revoked")}
    return {"prefix": record.prefix, "tenant": record.tenant, "state": state, **times}


def _date(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_tenant(store: "Store", tenant: "Tenant", now: float, as_json: bool) -> None:
    from trimtab.serve.tenants.calendar import day_of
    from trimtab.store import Spend

    day = day_of(now)
    days = store.spending.spent(tenant.name, f"{day[:7]}-01")
    spent = {"today": days.get(day, Spend()), "month": sum(days.values(), Spend())}
    held, rows = store.spending.held(tenant.name), store.tenants.list_keys(tenant.name)
    if as_json:
        figures = {name: _spend_json(value) for name, value in spent.items()}
        keys = [_key_json(record, now) for record in rows]
        emit({"tenant": tenant.name, "limits": tenant.to_json(), "spent": figures, "held_dollars": held, "keys": keys})
        return
    say(f"tenant               {tenant.name}")
    for name, value in tenant.to_json().items():
        shown = (
            ("all" if name == "models" else "none")
            if value is None
            else ", ".join(value)
            if isinstance(value, list)
            else value
        )
        say(f"{name.replace('_', ' '):<20} {shown}")
    for name, value in spent.items():
        say(f"spent {name:<14} ${value.dollars:.4f} in {value.requests} requests, {value.tokens} tokens")
    shown_keys = [f"{record.prefix}… {_key_json(record, now)['state']}" for record in rows]
    say(f"held                 ${held:.4f}")
    say(f"keys                 {', '.join(shown_keys) or 'none'}")


def _spend_json(spend: "Spend") -> dict[str, float]:
    return {"dollars": spend.dollars, "requests": spend.requests, "tokens": spend.tokens}
