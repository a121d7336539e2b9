"""Who uses how much: tokens held or waited for, by tenant, and whether that is a fair share of all."""

from collections.abc import Callable


class Shares:
    """A ledger of tokens; tenants that use none are forgotten, so it is as small as what is under way."""

    def __init__(self, weight: Callable[[str], float]) -> None:
        self._weight = weight
        self._tokens: dict[str, int] = {}
        self._total, self._weights = 0, 0.0

    def __len__(self) -> int:
        return len(self._tokens)

    def use(self, tenant: str, tokens: int) -> None:
        if tenant not in self._tokens:
            self._weights += self._weight(tenant)
        self._tokens[tenant] = self._tokens.get(tenant, 0) + tokens
        self._total += tokens

    def give_back(self, tenant: str, tokens: int) -> None:
        self._total -= tokens
        self._tokens[tenant] -= tokens
        if not self._tokens[tenant]:
            del self._tokens[tenant]
            self._weights = self._weights - self._weight(tenant) if self._tokens else 0.0

    def is_greedy(self, tenant: str, tokens: int) -> bool:
        """Whether ``tokens`` more would give the tenant its weight's share of all that is used, or above."""
        own, weight = self._tokens.get(tenant), self._weight(tenant)
        weights = self._weights + (weight if own is None else 0.0)
        return ((own or 0) + tokens) * weights >= (self._total + tokens) * weight
