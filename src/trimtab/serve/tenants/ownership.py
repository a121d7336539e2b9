"""Whose a feedback is: an id that a client chose is taken within its tenant, so that nobody can take another's."""

from dataclasses import replace

from trimtab.records import Feedback
from trimtab.serve.body import fingerprint
from trimtab.serve.tenants.tenant import Tenant


def owned(said: Feedback, tenant: Tenant) -> Feedback:
    """The feedback under the id by which it is kept; on an open gateway it is the client's own."""
    if not tenant.name:
        return said
    return replace(said, id=f"fb-{fingerprint([tenant.name, said.id])[:32]}")
