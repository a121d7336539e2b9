"""Sealing files of a workspace: the shards that lie open, or the files that a person names."""

from collections.abc import Sequence
from pathlib import Path

from trimtab.guard import load_policy
from trimtab.loop.policy_texts import policy_texts
from trimtab.loop.shards import roles, seal, unsealed
from trimtab.loop.workspace import Workspace
from trimtab.records import UserError


def seal_files(workspace: Workspace, files: Sequence[Path] = ()) -> list[Path]:
    """Seal ``files`` (as a person types them), or every open shard where there are none; what was sealed now.

    Raises UserError for a file that is none of the configured shards: nothing would guard it.
    """
    policy = load_policy(workspace.path(workspace.config.files.policy))
    paths = [_shard(workspace, file) for file in files] if files else unsealed(workspace)
    return seal(workspace, paths, policy_texts(policy))


def _shard(workspace: Workspace, file: Path) -> Path:
    known = {(workspace.root / path).resolve(): path for path in roles(workspace)}
    for place in (file, workspace.root / file):
        if (path := known.get(place.resolve())) is not None:
            return path
    raise UserError(
        "no shard of this workspace",
        file=file,
        expected=", ".join(path.as_posix() for path in known.values()),
        fix="Name it in trimtab.yaml under cases.sealed or cases.reserved first",
    )
