"""Every scorecard that a release has beside the gate's: own suites, batteries, tasks of other harnesses."""

from trimtab.records import Scorecard, scorecard_from_json
from trimtab.store import Store

_KIND = "scored"


def keep(store: Store, scorecard: Scorecard) -> None:
    """Under its release and its suite's name; a newer one of the same suite takes its place."""
    store.put(_KIND, f"{scorecard.release}:{scorecard.suite}", scorecard.to_json())


def scored(store: Store, release: str) -> dict[str, Scorecard]:
    """Suite name -> the scorecard of the release with this behaviour digest, in the order they first came."""
    rows = [row for _, row in store.documents.items(_KIND) if row["release"] == release]
    return {str(row["suite"]): scorecard_from_json(row) for row in rows}
