"""Rates refill without steps, never admit more than a minute's allowance at once, and say when to come back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.serve import ApiError
from trimtab.serve.tenants.account import Account
from trimtab.serve.tenants.bucket import Bucket
from trimtab.serve.tenants.calendar import day_of, seconds_to_next_day, seconds_to_next_month
from trimtab.serve.tenants.door import Bound, Grant
from trimtab.serve.tenants.headers import duration, retry_after
from trimtab.serve.tenants.tenant import Limits, Tenant

_STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), min_size=1, max_size=60)


@given(limit=st.integers(10, 100), steps=_STEPS)
def test_in_any_span_no_more_is_admitted_than_the_limit_and_what_refilled(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now, admitted = Bucket(), 0.0, []
    for pause, amount in steps:
        now += pause
        bucket.advance(limit, now)
        if bucket.wait(limit, amount) == 0:
            bucket.add(amount)
            admitted.append((now, amount))
    for i, (start, _) in enumerate(admitted):
        for end, _ in admitted[i:]:
            taken = sum(amount for at, amount in admitted if start <= at <= end)
            assert taken <= limit + (end - start) * limit / 60 + 1e-6


@given(limit=st.integers(1, 100), used=st.floats(0, 500), data=st.data())
def test_who_waits_as_told_is_let_in_and_who_comes_a_little_earlier_is_not(
    limit: int, used: float, data: st.DataObject
) -> None:
    amount = data.draw(st.integers(1, limit))
    bucket = Bucket(used=used)
    wait = bucket.wait(limit, amount)
    early, late = Bucket(used=used), Bucket(used=used)
    late.advance(limit, wait)
    assert late.wait(limit, amount) < 1e-6
    if wait > 0.01:
        early.advance(limit, wait - 0.01)
        assert early.wait(limit, amount) > 0


def test_a_clock_that_steps_back_refills_nothing() -> None:
    bucket = Bucket(used=10, at=100)
    bucket.advance(10, 40)
    assert bucket.used == 10
    bucket.advance(10, 100)
    assert bucket.used == 0


def _took(account: Account, limits: Limits, tokens: int, now: float = 0.0) -> Grant:
    account.check(limits, tokens, now)
    grant = Grant(Tenant("acme", limits=limits), day_of(now), Bound(tokens))
    account.take(grant)
    return grant


def test_tokens_not_used_are_given_back_and_those_nobody_counted_are_not() -> None:
    limits, account = Limits(tokens_per_minute=100), Account(0.0)
    account.end(_took(account, limits, 60), 10, 0.0)
    assert account.headers(limits, 0.0)["x-ratelimit-remaining-tokens"] == "90"
    account.end(_took(account, limits, 60), None, 0.0)
    assert account.headers(limits, 0.0)["x-ratelimit-remaining-tokens"] == "30"
    with pytest.raises(ApiError, match="60") as refused:
        account.check(limits, 60, 0.0)
    assert refused.value.headers["retry-after"] == "18"
    account.check(limits, 60, 18.0)


def test_a_request_larger_than_a_minute_is_told_that_waiting_does_not_help() -> None:
    with pytest.raises(ApiError) as refused:
        Account(0.0).check(Limits(tokens_per_minute=100), 101, 0.0)
    assert refused.value.headers == {"x-should-retry": "false"}


def test_parallel_requests_are_counted_until_they_end() -> None:
    limits, account = Limits(parallel=2), Account(0.0)
    first = _took(account, limits, 1)
    _took(account, limits, 1)
    with pytest.raises(ApiError) as refused:
        account.check(limits, 1, 0.0)
    assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")
    account.end(first, 1, 0.0)
    account.check(limits, 1, 0.0)


def test_limits_that_change_hold_at_once() -> None:
    account = Account(0.0)
    _took(account, Limits(requests_per_minute=5), 1)
    with pytest.raises(ApiError):
        account.check(Limits(requests_per_minute=1), 1, 0.0)
    account.check(Limits(), 1, 0.0)


def test_headers_name_only_what_is_limited() -> None:
    limits, account = Limits(requests_per_minute=60), Account(0.0)
    _took(account, limits, 5)
    assert account.headers(limits, 0.0) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.12, "120ms"), (0.0001, "1ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s"), (61.25, "1m1.25s"),
     (3600, "1h0m0s"), (59.9999, "1m0s")],
)  # fmt: skip
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_retry_after_is_whole_seconds_and_never_none() -> None:
    assert [retry_after(seconds) for seconds in (0.0, 0.2, 1.0, 1.01)] == ["1", "1", "1", "2"]


def test_days_and_months_are_utcs() -> None:
    eve = 1798761599.0  # 2026-12-31T23:59:59Z
    assert (day_of(eve), day_of(eve + 1)) == ("2026-12-31", "2027-01-01")
    assert (seconds_to_next_day(eve), seconds_to_next_month(eve)) == (1.0, 1.0)
    assert seconds_to_next_month(eve + 1) == 31 * 86400


@given(st.floats(0, 4e9))
def test_a_remembered_day_is_the_calendars_own(now: float) -> None:
    assert day_of(now) == datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
