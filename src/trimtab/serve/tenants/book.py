"""The keys and tenants as they were last read, so that a request asks memory and not the store."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab.records import UserError
from trimtab.serve.tenants.keys import hash_of
from trimtab.serve.tenants.tenant import Tenant, tenant_from_json
from trimtab.store import KeyRecord, TenantSnapshot

_log = logging.getLogger("trimtab.serve")


@dataclass(frozen=True)
class Book:
    keys: Mapping[str, KeyRecord] = field(default_factory=dict)
    tenants: Mapping[str, Tenant] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """No key was ever made. Revoking or outliving the last one closes the gateway, it does not open it."""
        return not self.keys

    def find(self, token: str, now: float) -> Tenant | None:
        """Whose a token is; None for an unknown, revoked or expired one."""
        key = self.keys.get(hash_of(token))
        return self.tenants.get(key.tenant) if key is not None and key.is_valid(now) else None


def book_of(snapshot: TenantSnapshot) -> Book:
    """A tenant whose settings cannot be read is left out, so that its keys open nothing."""
    tenants: dict[str, Tenant] = {}
    for name, settings in (snapshot.tenants or {}).items():
        try:
            tenants[name] = tenant_from_json(name, settings)
        except UserError as error:
            _log.error("tenant %r is locked out, its settings cannot be read: %s", name, error)
    return Book({key.hash: key for key in snapshot.keys}, tenants)
