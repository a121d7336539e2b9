"""Whose request it is and what it may take: keys, models, rates, parallel requests, dollars."""

from trimtab.serve.tenants.bounds import bound_of, tokens_of
from trimtab.serve.tenants.door import AnyTenant, Bound, Grant, TenantDoor, door_of
from trimtab.serve.tenants.keyed import KeyedTenants
from trimtab.serve.tenants.keys import hash_of, issue_key
from trimtab.serve.tenants.ownership import owned
from trimtab.serve.tenants.tenant import NOBODY, Limits, Tenant, tenant_from_json

__all__ = [
    "NOBODY",
    "AnyTenant",
    "Bound",
    "Grant",
    "KeyedTenants",
    "Limits",
    "Tenant",
    "TenantDoor",
    "bound_of",
    "door_of",
    "hash_of",
    "issue_key",
    "owned",
    "tenant_from_json",
    "tokens_of",
]
