"""What one tenant has under way and has used lately: checked and taken in one go, given back at the end."""

from collections.abc import Iterator

from trimtab.serve.errors import ApiError
from trimtab.serve.tenants.bucket import Bucket
from trimtab.serve.tenants.door import Grant
from trimtab.serve.tenants.headers import limit_headers
from trimtab.serve.tenants.purse import Purse
from trimtab.serve.tenants.refusals import too_fast, too_large, too_many_parallel
from trimtab.serve.tenants.tenant import Limits
from trimtab.store import Spend


class Account:
    """Pure state: the clock's reading is an argument."""

    def __init__(self, now: float) -> None:
        self._requests, self._tokens = Bucket(at=now), Bucket(at=now)
        self._purses: dict[str, Purse] = {}
        self.under_way: dict[Grant, None] = {}

    def purse(self, day: str) -> Purse:
        if day not in self._purses:
            self._purses[day] = Purse(day)
        return self._purses[day]

    def purses(self) -> Iterator[Purse]:
        yield from self._purses.values()

    def unwritten(self, days: str) -> float:
        """Dollars settled and not yet written on days that begin so (a day, or a month)."""
        return sum(purse.unwritten.dollars for day, purse in self._purses.items() if day.startswith(days))

    def check(self, limits: Limits, tokens: int, now: float) -> None:
        """Raise ApiError 429 where a request of that many tokens may not begin now; nothing is taken."""
        if limits.parallel is not None and len(self.under_way) >= limits.parallel:
            raise too_many_parallel(limits.parallel)
        if (error := self._too_fast(limits, tokens, now)) is not None:
            raise error

    def take(self, grant: Grant) -> None:
        """Begin: count the request and its tokens."""
        self.under_way[grant] = None
        self._requests.add(1)
        self._tokens.add(grant.bound.tokens)

    def begin(self, taken: Grant, grant: Grant) -> Grant:
        """What was taken is granted, in its final form."""
        del self.under_way[taken]
        self.under_way[grant] = None
        return grant

    def undo(self, grant: Grant) -> None:
        """The request was refused after all."""
        del self.under_way[grant]
        self._requests.add(-1)
        self._tokens.add(-grant.bound.tokens)

    def end(self, grant: Grant, tokens: int | None, dollars: float) -> None:
        """The request ended: what it took stands in place of its bound."""
        del self.under_way[grant]
        used = grant.bound.tokens if tokens is None else tokens
        self._tokens.add(used - grant.bound.tokens)
        spend = Spend(dollars, 1, tokens or 0)
        self.purse(grant.day).settle(grant.bound.dollars, spend, last=grant.last)

    def headers(self, limits: Limits, now: float) -> dict[str, str]:
        """Rate-limit headers for what is limited."""
        headers: dict[str, str] = {}
        for kind, bucket, limit in self._buckets(limits):
            bucket.advance(limit, now)
            headers |= limit_headers(kind, limit, bucket.remaining(limit), bucket.reset(limit))
        return headers

    def give_back(self) -> None:
        """Return at the next write whatever no request has."""
        for purse in self._purses.values():
            purse.give_back()

    def forget(self, today: str) -> None:
        """Drop the purses of days that are over and paid."""
        days = {grant.day for grant in self.under_way} | {today}
        self._purses = {day: purse for day, purse in self._purses.items() if day in days or not purse.empty}

    def _too_fast(self, limits: Limits, tokens: int, now: float) -> ApiError | None:
        for kind, bucket, limit in self._buckets(limits):
            amount = 1 if kind == "requests" else tokens
            if amount > limit:
                return too_large(limit, amount)
            bucket.advance(limit, now)
            if (wait := bucket.wait(limit, amount)) > 0:
                return too_fast(kind, limit, amount, wait)
        return None

    def _buckets(self, limits: Limits) -> Iterator[tuple[str, Bucket, int]]:
        given = (
            ("requests", self._requests, limits.requests_per_minute),
            ("tokens", self._tokens, limits.tokens_per_minute),
        )
        for kind, bucket, limit in given:
            if limit is not None:
                yield kind, bucket, limit
