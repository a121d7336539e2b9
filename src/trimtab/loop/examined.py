"""A release examined by another harness: served for as long as it asks, its scorecard kept beside the others."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.evaluate.harness import Job, run_harness, scorecard_of
from trimtab.loop.hosted import hosted
from trimtab.loop.judging import behaviour_named
from trimtab.loop.scored import keep
from trimtab.loop.workspace import Workspace
from trimtab.records import Progress, Scorecard


@dataclass(frozen=True, slots=True)
class Examination:
    """``url``, ``key``: of a running `trimtab serve`, which must serve the release; without it we serve it ourselves.

    ``python``: an interpreter that has the harness, where ours has not.
    """

    harness: str
    task: str
    limit: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    python: Path | None = None
    url: str = ""
    key: str = ""


def examine(workspace: Workspace, which: str, asked: Examination, progress: Progress) -> Scorecard:
    """The scorecard of a release on a task of another harness, kept in the store. Raises UserError."""
    behaviour = behaviour_named(workspace, which, progress)
    config = workspace.config
    with nullcontext(asked.url.rstrip("/").removesuffix("/v1")) if asked.url else hosted(workspace, behaviour) as url:
        job = Job(
            asked.task,
            url,
            f"{config.gateway.name}@{behaviour.digest[:12]}",
            asked.key,
            asked.limit,
            asked.arguments,
            config.evaluate.concurrency,
        )
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", job.name)
        folder = workspace.state / "harness" / f"{asked.harness}-{name}-{behaviour.digest[:12]}"
        result = run_harness(asked.harness, job, folder, progress, asked.python)
    scorecard = scorecard_of(result, behaviour.digest, config.evaluate.level)
    keep(workspace.store, scorecard)
    return scorecard
