"""Limits and expiry as a person types them: numbers, `none`, patterns with commas, `30d` or a date."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trimtab.records.errors import UserError

_SPAN = re.compile(r"(\d{1,6})([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}
_FRACTIONAL = ("daily_dollars", "monthly_dollars")


def changes_of(given: Mapping[str, str | None]) -> dict[str, Any]:
    """The settings that were given, parsed; `none` lifts a limit. Raises UserError that names the option."""
    return {name: _value(name, text) for name, text in given.items() if text is not None}


def expiry_of(text: str | None, now: float) -> float | None:
    """Seconds since the epoch of `12h`, `30d`, `4w` from now, or of an ISO date or time (UTC where it names no zone).

    Raises UserError for anything else, and for a time that is past.
    """
    if text is None:
        return None
    span = _SPAN.fullmatch(text)
    until = now + int(span[1]) * _SECONDS[span[2]] if span else _moment(text)
    if until <= now:
        raise UserError(f"{text!r} is past", field="--expires", expected="a time to come")
    return until


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise UserError(f"{text!r} is no time", field="--expires", expected="such as 30d or 2030-01-31") from error


def _value(name: str, text: str) -> Any:
    if text.strip().lower() == "none":
        return None
    if name == "models":
        return [pattern.strip() for pattern in text.split(",") if pattern.strip()]
    fractional = name in _FRACTIONAL
    try:
        return float(text) if fractional else int(text)
    except ValueError as error:
        option = "--" + name.replace("_", "-")
        expected = "dollars such as 2.5, or none" if fractional else "a whole number, or none"
        raise UserError(f"{text!r} is no number", field=option, expected=expected) from error
