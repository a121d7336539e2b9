"""What one gateway may spend for one tenant on one day: dollars drawn from the budget, reserved, settled, written.

Held durably: ``drawn + returning``. Of ``drawn``, requests under way have ``reserved`` and ended ones ``unwritten``;
the rest is free for the next request without asking the store.
"""

from dataclasses import dataclass, field

from trimtab.store import Spend

_DUST = 1e-12  # dollars: what rounding leaves


@dataclass(slots=True)
class Purse:
    day: str
    drawn: float = 0.0
    reserved: float = 0.0
    returning: float = 0.0
    unwritten: Spend = field(default_factory=Spend)
    idle: bool = True
    """No request began since the last write."""

    @property
    def free(self) -> float:
        return self.drawn - self.reserved - self.unwritten.dollars

    def reserve(self, dollars: float) -> bool:
        """Set dollars aside where they are free; whether they were."""
        self.idle = False
        if self.free < dollars:
            return False
        self.reserved += dollars
        return True

    def overdraw(self, dollars: float) -> float:
        """Set dollars aside that are not there yet; returns how many must be drawn before they may be spent."""
        self.reserved += dollars
        return -self.free

    def cancel(self, dollars: float) -> None:
        self.reserved -= dollars

    def settle(self, dollars: float, spend: Spend, *, last: bool) -> None:
        """A request ended. What a ``last`` one drew beyond its budget serves no other request."""
        self.reserved -= dollars
        self.unwritten += spend
        if last:
            self.give_back()

    def give_back(self) -> None:
        """Return what is free at the next write."""
        excess = max(0.0, self.free)
        self.drawn -= excess
        self.returning += excess

    def written(self, spend: Spend, returned: float) -> None:
        """The store has taken these amounts."""
        self.unwritten += Spend(-spend.dollars, -spend.requests, -spend.tokens)
        self.drawn -= spend.dollars
        self.returning -= returned

    @property
    def written_up(self) -> bool:
        """Whether the store knows all that it must."""
        return self.unwritten.requests == 0 and self.returning <= _DUST

    @property
    def empty(self) -> bool:
        return self.written_up and self.drawn <= _DUST
