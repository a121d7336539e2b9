"""Why a request may not begin now, in OpenAI's words, with when it may."""

from trimtab.serve.errors import ApiError
from trimtab.serve.tenants.calendar import seconds_to_next_day, seconds_to_next_month
from trimtab.serve.tenants.headers import retry_after
from trimtab.serve.tenants.tenant import Tenant
from trimtab.store.spending import Shortage

_NEVER = {"x-should-retry": "false"}  # openai's clients obey it


def bad_key() -> ApiError:
    """The same for a key that never was, was revoked or has expired: which it is, is nobody's business."""
    return ApiError(401, "A valid API key is needed: Authorization: Bearer …", code="invalid_api_key")


def too_many_parallel(limit: int) -> ApiError:
    return _limited(f"{limit} requests of this key's tenant are under way, which is its limit.", 1.0)


def too_fast(kind: str, limit: int, amount: int, wait: float) -> ApiError:
    """``kind``: requests or tokens; ``wait`` in seconds."""
    return _limited(f"The limit of {limit} {kind} a minute is reached; this request takes {amount}.", wait)


def too_large(limit: int, amount: int) -> ApiError:
    """More tokens than a whole minute has: waiting does not help."""
    message = f"The request may take {amount} tokens, more than the limit of {limit} tokens a minute."
    return ApiError(429, f"{message} Shorten it or lower max_tokens.", code="rate_limit_exceeded", headers=_NEVER)


def too_dear(tenant: Tenant, shortage: Shortage, now: float) -> ApiError:
    """The budget is spent, or all that is left of it is held by requests under way."""
    if shortage == "held":
        return _limited("What is left of the budget is held by requests under way.", 1.0)
    day = shortage == "day"
    dollars = tenant.limits.daily_dollars if day else tenant.limits.monthly_dollars
    wait = seconds_to_next_day(now) if day else seconds_to_next_month(now)
    return ApiError(
        429,
        f"The {'daily' if day else 'monthly'} budget of ${dollars:g} is spent.",
        code="insufficient_quota",
        headers={"retry-after": retry_after(wait), **_NEVER},
    )


def unreadable() -> ApiError:
    """The store does not answer: no request begins on a budget that nobody can see."""
    return ApiError(503, "Budgets cannot be read; try again.", code="not_ready", headers={"retry-after": "1"})


def _limited(message: str, wait: float) -> ApiError:
    return ApiError(429, message, code="rate_limit_exceeded", headers={"retry-after": retry_after(wait)})
