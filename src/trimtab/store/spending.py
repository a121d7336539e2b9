"""What tenants spent by day, and what gateways hold of their budgets: a budget is divided in one transaction.

A gateway draws an amount before it lets requests spend it, and writes later what they did spend. So at any instant
everything that a killed gateway can have spent is in the tables: as spend, or as a hold that turns into spend when its
owner is not seen any more.
"""

import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from trimtab.store.database import Database

Shortage = Literal["", "day", "month", "held"]


@dataclass(frozen=True, slots=True)
class Spend:
    """Dollars, requests and tokens of one tenant on one day (or in sum)."""

    dollars: float = 0.0
    requests: int = 0
    tokens: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(self.dollars + other.dollars, self.requests + other.requests, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class Draw:
    """A wish for dollars of a tenant's budget on a day: at least ``need``, gladly ``want``.

    ``alone``: no request of the tenant is under way at this owner, which then has ``unwritten_day`` and
    ``unwritten_month`` dollars settled and not written, and nothing else of what it holds is spent.
    """

    owner: str
    tenant: str
    day: str
    need: float
    want: float
    daily: float | None = None
    monthly: float | None = None
    alone: bool = False
    unwritten_day: float = 0.0
    unwritten_month: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was given; with ``shortage`` nothing: the day's or month's budget is spent, or the rest is held.

    ``last``: the budget did not cover the need, so this is one request that may cross it.
    """

    dollars: float = 0.0
    shortage: Shortage = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What an owner settled for a tenant on a day, and how much it holds less (that amount, and what it gives back)."""

    tenant: str
    day: str
    spend: Spend
    release: float


class Spending:
    def __init__(self, database: Database) -> None:
        self._database = database

    def draw(self, wish: Draw, *, time: float) -> Drawn:
        """Hold dollars if the budgets have them, whoever else draws at the same time.

        Where they do not cover the need and nobody is spending, one last request may cross them.
        """
        with self._database.write() as connection:
            given = _divide(wish, _Account(connection, wish))
            if given.dollars > 0:
                connection.execute(
                    "INSERT INTO holds (owner, tenant, day, dollars, seen) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (owner, tenant, day) DO UPDATE SET"
                    " dollars = dollars + excluded.dollars, seen = excluded.seen",
                    (wish.owner, wish.tenant, wish.day, given.dollars, time),
                )
            return given

    def write(self, owner: str, rows: Iterable[Written], *, time: float) -> None:
        """Turn holds into spend, and say that the owner lives."""
        with self._database.write() as connection:
            for row in rows:
                _add(connection, row.tenant, row.day, row.spend)
                connection.execute(
                    "UPDATE holds SET dollars = MAX(0, dollars - ?) WHERE owner = ? AND tenant = ? AND day = ?",
                    (row.release, owner, row.tenant, row.day),
                )
            connection.execute("DELETE FROM holds WHERE owner = ? AND dollars <= 1e-12", (owner,))
            connection.execute("UPDATE holds SET seen = ? WHERE owner = ?", (time, owner))

    def absorb(self, before: float) -> int:
        """Count as spent what owners hold that were last seen before then; returns how many holds."""
        with self._database.write() as connection:
            rows = connection.execute("SELECT * FROM holds WHERE seen < ?", (before,)).fetchall()
            for row in rows:
                _add(connection, row["tenant"], row["day"], Spend(row["dollars"]))
            connection.execute("DELETE FROM holds WHERE seen < ?", (before,))
            return len(rows)

    def held(self, tenant: str) -> float:
        """Dollars that gateways hold for requests under way or to come."""
        rows = self._database.read("SELECT COALESCE(SUM(dollars), 0) AS held FROM holds WHERE tenant = ?", tenant)
        return float(rows[0]["held"])

    def spent(self, tenant: str, since: str = "") -> Mapping[str, Spend]:
        """Day (``2026-01-31``) → spend, from day ``since`` on."""
        rows = self._database.read("SELECT * FROM spend WHERE tenant = ? AND day >= ? ORDER BY day", tenant, since)
        return {row["day"]: Spend(row["dollars"], row["requests"], row["tokens"]) for row in rows}


class _Account:
    """A tenant's day and month as they stand in this transaction."""

    def __init__(self, connection: sqlite3.Connection, wish: Draw) -> None:
        def total(sql: str, *values: str) -> float:
            return float(connection.execute(f"SELECT COALESCE(SUM(dollars), 0) FROM {sql}", values).fetchone()[0])

        month = f"{wish.day[:7]}-%"
        self.day_spent = total("spend WHERE tenant = ? AND day = ?", wish.tenant, wish.day)
        self.month_spent = total("spend WHERE tenant = ? AND day LIKE ?", wish.tenant, month)
        self.day_held = total("holds WHERE tenant = ? AND day = ?", wish.tenant, wish.day)
        self.month_held = total("holds WHERE tenant = ? AND day LIKE ?", wish.tenant, month)
        self.others = total("holds WHERE tenant = ? AND day LIKE ? AND owner != ?", wish.tenant, month, wish.owner)


def _divide(wish: Draw, account: _Account) -> Drawn:
    daily, monthly = _limit(wish.daily), _limit(wish.monthly)
    room = min(daily - account.day_spent - account.day_held, monthly - account.month_spent - account.month_held)
    if room >= wish.need:
        return Drawn(min(wish.want, room))
    day_left = daily - account.day_spent - wish.unwritten_day
    month_left = monthly - account.month_spent - wish.unwritten_month
    if month_left <= 0:
        return Drawn(shortage="month")
    if day_left <= 0:
        return Drawn(shortage="day")
    if wish.alone and account.others == 0:
        return Drawn(wish.need, last=True)
    return Drawn(shortage="held")


def _limit(dollars: float | None) -> float:
    return math.inf if dollars is None else dollars


def _add(connection: sqlite3.Connection, tenant: str, day: str, spend: Spend) -> None:
    connection.execute(
        "INSERT INTO spend (tenant, day, dollars, requests, tokens) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, day) DO UPDATE SET dollars = dollars + excluded.dollars,"
        " requests = requests + excluded.requests, tokens = tokens + excluded.tokens",
        (tenant, day, spend.dollars, spend.requests, spend.tokens),
    )
