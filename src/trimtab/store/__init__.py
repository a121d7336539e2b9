"""What lasts: tables in SQLite, artefacts named by their digest, the journal of steps."""

from trimtab.store.aliases import AliasChange
from trimtab.store.backlog import Decision
from trimtab.store.capture import Captured, Hold
from trimtab.store.journal import StepRecord
from trimtab.store.spending import Draw, Drawn, Spend, Written
from trimtab.store.steering import Intent, Look
from trimtab.store.store import Store
from trimtab.store.tenants import KeyRecord, TenantSnapshot
from trimtab.store.traffic import TraceCount
from trimtab.store.vault import Held

__all__ = [
    "AliasChange",
    "Captured",
    "Decision",
    "Draw",
    "Drawn",
    "Held",
    "Hold",
    "Intent",
    "KeyRecord",
    "Look",
    "Spend",
    "StepRecord",
    "Store",
    "TenantSnapshot",
    "TraceCount",
    "Written",
]
