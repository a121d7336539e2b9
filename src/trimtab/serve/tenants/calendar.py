"""Calendar days and months in UTC, by which budgets are counted."""

from datetime import UTC, datetime, timedelta


def day_of(now: float) -> str:
    """The day as ``2026-01-31``; its first seven letters are the month."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def seconds_to_next_day(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=1) - moment).total_seconds()


def seconds_to_next_month(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return ((first + timedelta(days=32)).replace(day=1) - moment).total_seconds()
