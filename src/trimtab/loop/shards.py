"""The workspace's shards of sealed cases: which judge, which wait, which are retired, and how each is sealed."""

import getpass
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trimtab.curate import Keyed, Quarantine, is_sealed, prints_path, read_header, sealed_path, write_shard
from trimtab.loop.embedding import quarantine_embedder
from trimtab.loop.workspace import Workspace
from trimtab.records import UserError, file_digest, iter_jsonl
from trimtab.store.secret import make_secret, read_secret

TEXT_KEY, PRINTS_KEY = "quarantine.key", "prints.key"
DOORS = frozenset({"check", "harvest", "label", "curate"})
"""Purposes for which rows are held against prints: no look at a text."""
Role = Literal["active", "reserved", "retired", "redteam"]
_KIND, _ID = "quarantine", "rotation"


@dataclass(frozen=True, slots=True)
class Shard:
    """``looks``: times its text was read; ``worn``: as often as the config allows, or oftener."""

    path: Path
    role: Role
    sealed: bool
    cases: int
    looks: int
    worn: bool

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"path": self.path.as_posix()}


def roles(workspace: Workspace) -> dict[Path, Role]:
    """Every configured shard with what it does now: as configured, rotations counted in."""
    cases, turned = workspace.config.cases, _rotation(workspace)
    promoted, retired = (tuple(map(Path, turned[name])) for name in ("promoted", "retired"))
    found: dict[Path, Role] = dict.fromkeys(retired, "retired")
    found |= {path: "active" for path in (*cases.sealed, *promoted) if path not in retired}
    found |= {path: "reserved" for path in cases.reserved if path not in found}
    return found | {path: "redteam" for path in cases.redteam if path not in found}


def current_user() -> str:
    """Who looks, as the machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def judging(workspace: Workspace) -> list[Path]:
    """The shards that releases are judged by now: the active ones and the red team's test part."""
    found = roles(workspace)
    return [path for role in ("active", "redteam") for path in found if found[path] == role]


def shard_digest(workspace: Workspace, path: Path) -> str:
    """sha256 of the shard's cases as they were written, sealed or not. Raises UserError where there is no shard."""
    if is_sealed(workspace.root / path):
        return read_header(workspace.root / path).content
    return file_digest(workspace.path(path))


def shard_size(workspace: Workspace, path: Path) -> int:
    """How many cases it holds, without their text being read where it is sealed."""
    if is_sealed(workspace.root / path):
        return read_header(workspace.root / path).cases
    return sum(1 for _ in iter_jsonl(workspace.path(path)))


def keyed_of(workspace: Workspace) -> Keyed:
    """Under the prints' key where something is sealed here; open cases need none."""
    path = workspace.state / PRINTS_KEY
    anything = any(is_sealed(workspace.root / shard) for shard in roles(workspace))
    return _keyed(read_secret(path, "prints' key")) if anything or path.exists() else Keyed()


def guard(workspace: Workspace, quarantine: Quarantine) -> None:
    """Put every shard into ``quarantine``, whatever its role: the sealed ones by their prints."""
    for path in roles(workspace):
        if is_sealed(workspace.root / path):
            quarantine.add_shard(workspace.root / path, path.as_posix())
        else:
            _refuse_other(workspace.path(path))
            quarantine.add_file(workspace.path(path), path.as_posix())


def seal(workspace: Workspace, paths: Sequence[Path], shared: Sequence[str] = ()) -> list[Path]:
    """Seal plain files of cases (relative to the workspace); the plain file goes once its sealed shard is whole.

    Those already sealed stay as they are. ``shared``: texts that are nobody's. Raises UserError before anything is
    written where a file cannot be read or lies beside a sealed shard with other cases. Returns what was sealed now.
    """
    plain = [path for path in paths if not is_sealed(workspace.root / path)]
    for path in plain:
        _refuse_other(workspace.path(path))
    text_key = make_secret(workspace.state / TEXT_KEY, "quarantine key")
    keyed = _keyed(make_secret(workspace.state / PRINTS_KEY, "prints' key"))
    config, embedder = workspace.config.data.quarantine, quarantine_embedder(workspace)
    made = []
    for path in plain:
        quarantine = Quarantine(config, shared, keyed, embedder)
        quarantine.add_file(workspace.root / path, path.as_posix())
        made.append((path, (workspace.root / path).read_bytes(), quarantine.prints()))
    for path, text, prints in made:
        write_shard(workspace.root / path, text, prints, keyed, text_key, (config.ngram, config.shortest))
        (workspace.root / path).unlink()
    return plain


def rotate(workspace: Workspace, *, who: str, now: float) -> tuple[list[Path], list[Path]]:
    """The first reserved shard becomes the active one and the active ones retire: kept, guarded, not judged by again.

    ``(retired, promoted)``. Raises UserError where no shard waits. ``now`` in Unix seconds.
    """
    found, turned = roles(workspace), _rotation(workspace)
    waiting = [path for path in found if found[path] == "reserved"]
    if not waiting:
        raise UserError(
            "no reserved shard waits",
            field="cases.reserved",
            fix="Write new cases, `trimtab quarantine seal` them, and name the file under cases.reserved",
        )
    old = [path for path in found if found[path] == "active"]
    shard_digest(workspace, waiting[0])
    entry = {"time": now, "who": who, "retired": [path.as_posix() for path in old], "promoted": waiting[0].as_posix()}
    state = {
        "promoted": [*turned["promoted"], waiting[0].as_posix()],
        "retired": [*turned["retired"], *(path.as_posix() for path in old)],
        "history": [*turned["history"], entry],
    }
    workspace.store.put(_KIND, _ID, state)
    return old, waiting[:1]


def rotate_when_worn(workspace: Workspace, *, who: str, now: float) -> bool:
    """Rotate where the config says so, every active shard is worn and one waits."""
    if workspace.config.cases.rotate != "worn":
        return False
    found = shards(workspace)
    worn = [shard.worn for shard in found if shard.role == "active"]
    if not worn or not all(worn) or not any(shard.role == "reserved" for shard in found):
        return False
    rotate(workspace, who=who, now=now)
    return True


def shards(workspace: Workspace) -> list[Shard]:
    """Every shard with its state. Raises UserError where one is missing."""
    counts: dict[str, int] = {}
    for look in workspace.store.ledger.looks():
        if look.purpose not in DOORS:
            counts[look.shard] = counts.get(look.shard, 0) + 1
    limit = workspace.config.cases.worn_after
    return [
        Shard(
            path,
            role,
            is_sealed(workspace.root / path),
            shard_size(workspace, path),
            counts.get(path.as_posix(), 0),
            counts.get(path.as_posix(), 0) >= limit,
        )
        for path, role in roles(workspace).items()
    ]


def unsealed(workspace: Workspace) -> list[Path]:
    """Shards whose text lies open. The red team's are published attacks, and are not counted."""
    found = roles(workspace)
    return [path for path, role in found.items() if role != "redteam" and (workspace.root / path).is_file()]


def remarks(workspace: Workspace) -> list[str]:
    """What to do about shards that lie open or were looked at too often, a sentence each."""
    found = []
    if names := [path.as_posix() for path in unsealed(workspace)]:
        found.append(f"{', '.join(names)}: not sealed; `trimtab quarantine seal` locks it")
    worn = [shard for shard in shards(workspace) if shard.role == "active" and shard.worn]
    for shard in worn:
        advice = "`trimtab quarantine rotate` brings in the reserved shard"
        found.append(
            f"{shard.path.as_posix()}: looked at {shard.looks} times, too often to trust a gain on it; {advice}"
        )
    return found


def _rotation(workspace: Workspace) -> dict[str, list[Any]]:
    return workspace.store.get(_KIND, _ID) or {"promoted": [], "retired": [], "history": []}


def _refuse_other(path: Path) -> None:
    """A plain file beside a sealed shard must hold the same cases: then sealing was cut short, and goes on."""
    if not prints_path(path).exists():
        return
    if read_header(path).content != file_digest(path):
        raise UserError(
            "there is a sealed shard of this name with other cases",
            file=sealed_path(path),
            fix="Give the new cases a file of their own, or remove the sealed shard's two files",
        )


def _keyed(secret: bytes) -> Keyed:
    return Keyed(hashlib.sha256(secret).digest())
