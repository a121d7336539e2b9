"""Judging: π0, the incumbent and the candidate on the same sealed cases."""

import time
from typing import Any

from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.judging import judge, sealed_suite
from trimtab.loop.membership import membership_of
from trimtab.loop.rows import contaminated_rows
from trimtab.loop.shards import current_user, judging, rotate_when_worn, shard_digest
from trimtab.loop.steps.data import sealed_set, source_files
from trimtab.loop.turn import Context, Step
from trimtab.loop.workspace import Workspace
from trimtab.records import Behaviour, Release, digest, file_digest
from trimtab.release import get
from trimtab.store import Store


def evaluate(context: Context) -> dict[str, Any]:
    """Scorecards of base, incumbent and candidate, kept in the store under the keys that are returned."""
    workspace = context.workspace
    base = str(context.outputs["base"]["model"])
    suite = sealed_suite(workspace)
    quarantine = sealed_set(workspace)
    candidate = behaviour_of(workspace, str(context.outputs["refresh"]["model"]))
    incumbent = incumbent_of(workspace.store, candidate.digest)
    behaviours = {
        "base": behaviour_of(workspace, base),
        "incumbent": incumbent.behaviour,
        "candidate": candidate,
    }
    for behaviour in {behaviour.digest: behaviour for behaviour in behaviours.values()}.values():
        judge(context, behaviour, suite, base)
    seen = membership_of(workspace, suite, candidate.model, base)
    rotate_when_worn(workspace, who=current_user(), now=time.time())
    return {
        **{name: _key(behaviour, suite.digest, base) for name, behaviour in behaviours.items()},
        "release": candidate.digest,
        "against": incumbent.digest,
        "behaviour": candidate.to_json(),
        "suite": suite.digest,
        "contaminated": contaminated_rows(context, quarantine),
        "membership": seen and {**seen.to_json(), "said": seen.sentences()},
    }


def incumbent_of(store: Store, candidate: str) -> Release:
    """The stable release; where the candidate itself has become stable, the release that it replaced."""
    stable = get(store, "stable")
    return get(store, stable.parents[0]) if stable.digest == candidate and stable.parents else stable


def _key(behaviour: Behaviour, suite: str, base: str) -> str:
    return f"{behaviour.digest}:{suite}:{base}"


def _watched(workspace: Workspace) -> Any:
    """What decides on the scorecards beside the models: cases, behaviour files and the incumbent."""
    config = workspace.config
    files = (config.files.system, config.files.policy, config.files.tools)
    knowledge = sorted(workspace.path(config.files.knowledge).rglob("*.md"))
    tables = sorted(workspace.path(config.files.tools).parent.glob("*.jsonl"))
    paths = [*(workspace.path(path) for path in files), *knowledge, *tables]
    found = {str(path): file_digest(path) for path in paths}
    found |= {str(workspace.root / path): shard_digest(workspace, path) for path in judging(workspace)}
    stable = workspace.store.aliases.get("stable")
    return [stable, digest(found), source_files(workspace)]


EVALUATE = Step(
    "evaluate",
    3,
    evaluate,
    needs=("base", "curate", "refresh"),
    sections=("evaluate", "serving", "data"),
    watch=_watched,
)
