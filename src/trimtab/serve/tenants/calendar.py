"""Calendar days and months in UTC, by which budgets are counted."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_DAY_SECONDS = 86_400  # leap seconds are not counted since the epoch


def day_of(now: float) -> str:
    """The day as ``2026-01-31``; its first seven letters are the month."""
    return _day(int(now // _DAY_SECONDS))


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    """The day so many days after 1970-01-01: asked for at every request, and new once a day."""
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def seconds_to_next_day(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=1) - moment).total_seconds()


def seconds_to_next_month(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return ((first + timedelta(days=32)).replace(day=1) - moment).total_seconds()
