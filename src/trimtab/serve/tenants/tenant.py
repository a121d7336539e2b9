"""A tenant: a name, the models it may use and how much of everything."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from trimtab.records import UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WHOLE = ("requests_per_minute", "tokens_per_minute", "parallel")
_DOLLARS = ("daily_dollars", "monthly_dollars")


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit. ``parallel``: requests under way at once; budgets are of calendar days and months in UTC."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int | None = None
    daily_dollars: float | None = None
    monthly_dollars: float | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """``models``: shell-style patterns of the names that may be asked for; None is all of them."""

    name: str
    models: tuple[str, ...] | None = None
    limits: Limits = Limits()

    def may_use(self, model: str) -> bool:
        return self.models is None or any(fnmatchcase(model, pattern) for pattern in self.models)

    def to_json(self) -> dict[str, Any]:
        """The settings, without the name."""
        return {"models": None if self.models is None else list(self.models), **asdict(self.limits)}


NOBODY = Tenant("")
"""Whoever asks an open gateway: no name, no limits."""


def tenant_from_json(name: str, settings: Mapping[str, Any]) -> Tenant:
    """The inverse of ``Tenant.to_json``, checked. Raises UserError that names the field."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is no tenant's name", field="tenant", expected="up to 64 letters, digits, '.', '_' or '-'"
        )
    if unknown := sorted(set(settings) - {"models", *_WHOLE, *_DOLLARS}):
        raise UserError("no such limit", field=unknown[0])
    requests, tokens, parallel = (_whole(field, settings.get(field)) for field in _WHOLE)
    daily, monthly = (_dollars(field, settings.get(field)) for field in _DOLLARS)
    return Tenant(name, _models(settings.get("models")), Limits(requests, tokens, parallel, daily, monthly))


def _models(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not value or not all(isinstance(pattern, str) and pattern for pattern in value):
        raise UserError("names no model", field="models", expected="patterns such as 'trimtab*'")
    return tuple(value)


def _whole(field: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UserError(f"is {value!r}", field=field, expected="a whole number from 1, or none")
    return value


def _dollars(field: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise UserError(f"is {value!r}", field=field, expected="dollars from 0, or none")
    return float(value)
