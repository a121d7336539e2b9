"""The workspace's memory: one folder, opened once, shared by threads and by processes."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from trimtab.store.aliases import Aliases
from trimtab.store.artefacts import Artefacts
from trimtab.store.backlog import Backlog
from trimtab.store.capture import Capture
from trimtab.store.database import Database
from trimtab.store.documents import Documents
from trimtab.store.journal import Journal
from trimtab.store.spending import Spending
from trimtab.store.steering import Canary, Intents, Ledger
from trimtab.store.tenants import Tenants
from trimtab.store.traffic import Feedbacks, Traces
from trimtab.store.vault import Vault


class Store:
    """``Store.open(folder)``; every write is durable and whole when its call returns, whatever is killed when."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.documents = Documents(database)
        self.artefacts = Artefacts(folder / "artefacts")
        self.journal = Journal(database)
        self.aliases = Aliases(database)
        self.traces = Traces(database)
        self.feedback = Feedbacks(database)
        self.capture = Capture(database, folder / "capture.key")
        self.vault = Vault(database, folder / "vault.key")
        self.canary = Canary(self.documents)
        self.intents = Intents(database)
        self.ledger = Ledger(database)
        self.backlog = Backlog(database)
        self.tenants = Tenants(database)
        self.spending = Spending(database)

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """Open, or make, the store in ``folder`` (a workspace's ``.trimtab``).

        Raises UserError when it cannot be written, is damaged, or comes from a newer Trimtab.
        """
        return cls(folder, Database(folder / "store.sqlite"))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, kind: str, id: str, row: Mapping[str, Any]) -> None:
        """Write a document; the last write wins."""
        self.documents.put(kind, id, row)

    def add(self, kind: str, id: str, row: Mapping[str, Any]) -> bool:
        """Write a document once; False when there is one already, which stays."""
        return self.documents.add(kind, id, row)

    def get(self, kind: str, id: str) -> dict[str, Any] | None:
        return self.documents.get(kind, id)

    def list(self, kind: str) -> list[dict[str, Any]]:
        """Documents of a kind, in the order in which they were first written."""
        return self.documents.all(kind)
