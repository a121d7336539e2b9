"""The door with keys: who asks, whether it may begin, and what it took, kept true across crashes and gateways."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from trimtab.serve.tenants.account import Account
from trimtab.serve.tenants.book import Book, book_of
from trimtab.serve.tenants.calendar import day_of
from trimtab.serve.tenants.door import Bound, Grant, bearer
from trimtab.serve.tenants.purse import Purse
from trimtab.serve.tenants.refusals import bad_key, too_dear, unreadable
from trimtab.serve.tenants.state import KeyState, SpendState
from trimtab.serve.tenants.tenant import NOBODY, Tenant
from trimtab.store import Draw, Drawn, Written

_log = logging.getLogger("trimtab.serve")
_TICK_SECONDS = 1.0
_LOST_SECONDS = 60.0  # an owner not seen for so long is dead, and what it held is spent
_BLOCK = 8  # requests' bounds drawn at once, so that few requests wait for the store


class KeyedTenants:
    """A TenantDoor over a store. ``run`` must run beside the gateway: it reads keys and writes spend each second.

    Budgets: a request's dollars are held in the store before it begins, so neither parallel requests, nor another
    gateway, nor a restart spends them again. Only a request that begins while no other is under way may cross a budget.
    That holds as far as bounds do; one that was too low is raised to the dearest request so far. What a killed gateway
    held (requests under way, and up to a block of eight bounds each tenant) counts as spent.
    """

    def __init__(self, keys: KeyState, spending: SpendState, clock: Callable[[], float]) -> None:
        self._keys, self._spending, self._clock = keys, spending, clock
        self._owner = uuid.uuid4().hex
        self._accounts: dict[str, Account] = {}
        self._dearest = 0.0
        self._turn = asyncio.Lock()
        self._book = Book()
        self.refresh()

    @property
    def is_open(self) -> bool:
        """Whether everybody may ask, because no key was ever made."""
        return self._book.is_open

    @property
    def names(self) -> frozenset[str]:
        """Every tenant that has a key."""
        return frozenset(key.tenant for key in self._book.keys.values())

    def authenticate(self, authorization: str) -> Tenant:
        if self._book.is_open:
            return NOBODY
        token = bearer(authorization)
        tenant = self._book.find(token, self._clock()) if token else None
        if tenant is None:
            raise bad_key()
        return tenant

    def headers(self, tenant: Tenant) -> Mapping[str, str]:
        return self._account(tenant).headers(tenant.limits, self._clock())

    async def reserve(self, tenant: Tenant, bound: Bound) -> Grant:
        if tenant == NOBODY:
            return Grant(tenant)
        account, now = self._account(tenant), self._clock()
        account.check(tenant.limits, bound.tokens, now)
        alone = not account.under_way
        grant = Grant(tenant, day_of(now), replace(bound, dollars=max(bound.dollars, self._dearest)))
        account.take(grant)
        try:
            drawn = await self._set_aside(account, grant, alone)
            if drawn.shortage:
                raise too_dear(tenant, drawn.shortage, now)
        except BaseException:
            account.undo(grant)
            raise
        return account.begin(grant, replace(grant, last=drawn.last, headers=account.headers(tenant.limits, now)))

    def settle(self, grant: Grant, tokens: int | None, dollars: float) -> None:
        account = self._accounts.get(grant.tenant.name)
        if account is not None and grant in account.under_way:
            self._dearest = max(self._dearest, dollars)
            account.end(grant, tokens, dollars)

    def refresh(self) -> None:
        """Read keys and settings. Raises what the store raises."""
        self._adopt(book_of(self._keys.snapshot()))

    async def flush(self) -> None:
        """Write what was settled and give back what is idle. Raises what the store raises; nothing is lost then."""
        async with self._turn:
            rows = self._due()
            writing = asyncio.ensure_future(asyncio.to_thread(self._write, rows))
            writing.add_done_callback(lambda done: self._written(rows, done))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait({writing})  # else the next flush would write the same again
                raise

    async def run(self) -> NoReturn:
        """Refresh and flush for ever, off the event loop; a store that fails is asked again."""
        try:
            while True:
                try:
                    self._adopt(book_of(await asyncio.to_thread(self._keys.snapshot)))
                    await self.flush()
                except Exception:  # the named boundary: keys as last read and held dollars stay as they are
                    _log.exception("tenants could not be read or written; it is tried again")
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            await self._close()

    async def _close(self) -> None:
        """The last write: nothing stays held but what is still under way."""
        for account in self._accounts.values():
            account.give_back()
        try:
            await self.flush()
        except Exception:  # the named boundary: what is held stays held, and counts as spent
            _log.exception("what tenants spent last could not be written; what was held for it counts as spent")

    def _account(self, tenant: Tenant) -> Account:
        if tenant.name not in self._accounts:
            self._accounts[tenant.name] = Account(self._clock())
        return self._accounts[tenant.name]

    async def _set_aside(self, account: Account, grant: Grant, alone: bool) -> Drawn:
        """Reserve the grant's dollars; the store is asked only where the purse does not have them free."""
        purse, dollars = account.purse(grant.day), grant.bound.dollars
        if purse.reserve(dollars):
            return Drawn()
        async with self._turn:
            if purse.reserve(dollars):  # what ended while it waited has set enough free
                return Drawn()
            need = purse.overdraw(dollars)
            try:
                drawn = await self._draw(purse, self._wish(account, grant, need, alone))
            except BaseException:
                purse.cancel(dollars)
                raise
            if drawn.shortage:
                purse.cancel(dollars)
            return drawn

    async def _draw(self, purse: Purse, wish: Draw) -> Drawn:
        """Draw off the loop. What a caller that was cancelled has drawn goes back."""
        asked = asyncio.ensure_future(asyncio.to_thread(lambda: self._spending.draw(wish, time=self._clock())))
        asked.add_done_callback(lambda done: _put(purse, done))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(lambda _: purse.give_back())
            raise
        except Exception as error:  # the named boundary: whatever the store raises, nothing is spent unseen
            _log.exception("the budget of tenant %r cannot be read", wish.tenant)
            raise unreadable() from error

    def _wish(self, account: Account, grant: Grant, need: float, alone: bool) -> Draw:
        limits, day = grant.tenant.limits, grant.day
        return Draw(
            owner=self._owner,
            tenant=grant.tenant.name,
            day=day,
            need=need,
            want=max(need, _BLOCK * grant.bound.dollars),
            daily=limits.daily_dollars,
            monthly=limits.monthly_dollars,
            alone=alone,
            unwritten_day=account.unwritten(day),
            unwritten_month=account.unwritten(day[:7]),
        )

    def _adopt(self, book: Book) -> None:
        """What was drawn under other limits goes back."""
        for name, account in self._accounts.items():
            if book.tenants.get(name) != self._book.tenants.get(name):
                account.give_back()
        self._book = book

    def _due(self) -> list[tuple[Purse, Written]]:
        rows: list[tuple[Purse, Written]] = []
        for name, account in self._accounts.items():
            account.forget(day_of(self._clock()))
            for purse in account.purses():
                if purse.idle:
                    purse.give_back()
                purse.idle = True
                if not purse.written_up:
                    spend = purse.unwritten
                    rows.append((purse, Written(name, purse.day, spend, spend.dollars + purse.returning)))
        return rows

    def _write(self, rows: list[tuple[Purse, Written]]) -> None:
        now = self._clock()
        self._spending.write(self._owner, [row for _, row in rows], time=now)
        self._spending.absorb(now - _LOST_SECONDS)

    def _written(self, rows: list[tuple[Purse, Written]], done: "asyncio.Future[None]") -> None:
        if done.cancelled() or done.exception() is not None:
            return
        for purse, row in rows:
            purse.written(row.spend, row.release - row.spend.dollars)


def _put(purse: Purse, done: "asyncio.Future[Drawn]") -> None:
    if not done.cancelled() and done.exception() is None:
        purse.drawn += done.result().dollars
