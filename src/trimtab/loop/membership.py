"""A release's membership report: its sealed cases against the development cases, beside π0."""

from collections.abc import Sequence
from pathlib import Path

from trimtab.evaluate import Membership, Suite, load_suite, membership
from trimtab.evaluate.suite import is_redteam
from trimtab.loop.judging import sealed_suite
from trimtab.loop.workspace import Workspace
from trimtab.model import load_tokenizer, resolve
from trimtab.records import Case, Progress, UserError
from trimtab.release import get

_TEXTS = 64
"""Texts of each group; so many tell 0.5 from 0.65."""
_TOKENS = 256
_FEWEST = 2


def release_membership(workspace: Workspace, which: str, progress: Progress) -> Membership:
    """Of a registered release, for `trimtab quarantine membership`. The look is in the ledger.

    Raises UserError where there are too few texts to compare.
    """
    model = get(workspace.store, which).behaviour.model
    base = workspace.store.artefacts.put(resolve(workspace.config.model, progress=progress))
    found = membership_of(workspace, sealed_suite(workspace, "membership"), model, base)
    if found is None:
        raise UserError(
            "too few texts to compare",
            field="cases.development",
            expected=f"at least {_FEWEST} sealed and {_FEWEST} development cases",
        )
    return found


def membership_of(workspace: Workspace, suite: Suite, model: str, base: str) -> Membership | None:
    """Of the model artefact ``model`` beside ``base``, on cases that are open already; None where they are too few."""
    fresh = load_suite([workspace.path(path) for path in workspace.config.cases.development], "development")
    folders = [workspace.store.artefacts.path(one) for one in (model, base)]
    groups = [_ids(folders[1], cases) for cases in (suite.cases, fresh.cases)]
    if min(map(len, groups)) < _FEWEST:
        return None
    from trimtab.engine.moments import Moment, token_moments  # torch, only when it is needed

    def moments(folder: Path) -> tuple[list[list[Moment]], list[list[Moment]]]:
        found = token_moments(folder, [ids for group in groups for ids in group])
        return found[: len(groups[0])], found[len(groups[0]) :]

    return membership(moments(folders[0]), moments(folders[1]))


def _ids(folder: Path, cases: Sequence[Case]) -> list[list[int]]:
    """What users say in the first cases by id, attacks left out, as token ids; texts of one token tell nothing."""
    tokenizer = load_tokenizer(folder)
    chosen = [case for case in sorted(cases, key=lambda case: case.id) if not is_redteam(case)]
    texts = ["\n".join(turn.content for turn in case.messages if turn.role == "user") for case in chosen[:_TEXTS]]
    found = [list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)[:_TOKENS] for text in texts]
    return [ids for ids in found if len(ids) > 1]
