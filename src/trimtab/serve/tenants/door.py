"""What the gateway asks about tenants, and the door that needs no more than a name for a token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trimtab.serve.tenants.refusals import bad_key
from trimtab.serve.tenants.tenant import NOBODY, Tenant


@dataclass(frozen=True, slots=True)
class Bound:
    """The most a request is expected to take, before it begins."""

    tokens: int = 0
    dollars: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """One request's right to begin; ``headers`` go out with its answer. Settle it once, however the request ends."""

    tenant: Tenant
    day: str = ""
    bound: Bound = Bound()
    headers: Mapping[str, str] = field(default_factory=dict)
    last: bool = False
    """The budget did not cover the bound: the one request that may cross it."""


class TenantDoor(Protocol):
    """All methods are called on the event loop."""

    def authenticate(self, authorization: str) -> Tenant:
        """Whose the header's bearer token is. Raises ApiError 401."""

    async def reserve(self, tenant: Tenant, bound: Bound) -> Grant:
        """The right to begin. Raises ApiError 429."""

    def settle(self, grant: Grant, tokens: int | None, dollars: float) -> None:
        """The request ended and took this; tokens None where nobody counted them. Only the first call counts."""

    def headers(self, tenant: Tenant) -> Mapping[str, str]:
        """The rate-limit headers as of now."""


class AnyTenant:
    """A door without limits: ``find`` gives a token's tenant or None for a wrong one; without it everybody may ask."""

    def __init__(self, find: Callable[[str], str | None] | None = None) -> None:
        self._find = find

    def authenticate(self, authorization: str) -> Tenant:
        if self._find is None:
            return NOBODY
        name = self._find(token) if (token := bearer(authorization)) else None
        if name is None:
            raise bad_key()
        return Tenant(name)

    async def reserve(self, tenant: Tenant, bound: Bound) -> Grant:
        return Grant(tenant)

    def settle(self, grant: Grant, tokens: int | None, dollars: float) -> None:
        return None

    def headers(self, tenant: Tenant) -> Mapping[str, str]:
        return {}


def door_of(tenants: "TenantDoor | Callable[[str], str | None] | None") -> TenantDoor:
    """A door from what a gateway is given."""
    return AnyTenant(tenants) if tenants is None or callable(tenants) else tenants


def bearer(authorization: str) -> str:
    """The token of an Authorization header, empty where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
