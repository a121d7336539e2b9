"""OpenAI's rate-limit headers: limit, what remains and when it is whole again, for requests and tokens a minute."""

import math


def duration(seconds: float) -> str:
    """A time as OpenAI writes it: ``120ms``, ``1.5s``, ``6m0s``, ``1h0m0s``; rounded up to a millisecond."""
    milliseconds = max(0, math.ceil(round(seconds * 1000, 6)))
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def limit_headers(kind: str, limit: int, remaining: int, reset: float) -> dict[str, str]:
    """``kind``: requests or tokens; ``reset`` in seconds."""
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(remaining),
        f"x-ratelimit-reset-{kind}": duration(reset),
    }


def retry_after(seconds: float) -> str:
    """Whole seconds, at least one: rounded up, so that who obeys is not refused again."""
    return str(max(1, math.ceil(seconds)))
