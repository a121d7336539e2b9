"""What lasts: tables in SQLite, artefacts named by their digest, the journal of steps."""

from trimtab.store.aliases import AliasChange
from trimtab.store.capture import Captured
from trimtab.store.journal import StepRecord
from trimtab.store.steering import Intent, Look
from trimtab.store.store import Store
from trimtab.store.traffic import TraceCount

__all__ = ["AliasChange", "Captured", "Intent", "Look", "StepRecord", "Store", "TraceCount"]
