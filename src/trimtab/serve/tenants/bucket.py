"""A token bucket that refills without steps: how much of a minute's allowance is in use, draining as time passes."""

from dataclasses import dataclass

_MINUTE = 60.0


@dataclass(slots=True)
class Bucket:
    """``used`` units drain at ``limit`` a minute. The limit is an argument, so that it may change at any time.

    A clock that steps back drains nothing.
    """

    used: float = 0.0
    at: float = 0.0

    def advance(self, limit: int, now: float) -> None:
        self.used = max(0.0, self.used - max(0.0, now - self.at) * limit / _MINUTE)
        self.at = now

    def add(self, amount: float) -> None:
        """Use units, or give them back (negative)."""
        self.used = max(0.0, self.used + amount)

    def remaining(self, limit: int) -> int:
        return max(0, int(limit - self.used + 1e-9))

    def wait(self, limit: int, amount: float) -> float:
        """Seconds until ``amount`` fits, 0 where it does. Valid after ``advance``; ``amount`` is at most ``limit``."""
        return max(0.0, (self.used + amount - limit - 1e-9) * _MINUTE / limit)

    def reset(self, limit: int) -> float:
        """Seconds until nothing is in use."""
        return self.used * _MINUTE / limit
