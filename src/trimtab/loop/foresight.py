"""What the workspace's gate will be able to see: from what its releases scored before, or the count of its cases."""

from trimtab.curate import import_cases
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.shards import judging, shard_size
from trimtab.loop.workspace import Workspace
from trimtab.records import Scorecard, scorecard_from_json
from trimtab.release import Known, Sight, foresee, get, known_of
from trimtab.tools import Rehearsal


def foresight_of(workspace: Workspace) -> list[Sight]:
    """A line for each gated metric. No sealed case is read, only counted.

    A metric that no release has scored yet is taken to be scored by every case.
    """
    cases = case_count(workspace)
    known = _scored_before(workspace)
    gated = foresee(workspace.config.gate, {})
    return foresee(workspace.config.gate, {one.metric: Known(cases, cases) for one in gated} | known)


def case_count(workspace: Workspace) -> int:
    """How many cases the sealed suite will have."""
    config = workspace.config
    sealed = sum(shard_size(workspace, path) for path in judging(workspace))
    sealed += len(import_cases(config.data, workspace.root, toolbox_of(workspace, Rehearsal()).schemas))
    fresh = sum(one.cases for one in config.evaluate.batteries.values())
    return min(sealed, config.evaluate.limit or sealed) + fresh


def _scored_before(workspace: Workspace) -> dict[str, Known]:
    """The stable release's metrics, held against those of the release before it."""
    stable = workspace.store.aliases.get("stable")
    cards: list[Scorecard] = []
    while stable is not None and len(cards) < 2:
        release = get(workspace.store, stable)
        cards += [scorecard_from_json(release.scorecard)] if release.scorecard else []
        stable = release.parents[0] if release.parents else None
    return known_of(*cards) if cards else {}
