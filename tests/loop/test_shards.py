"""Sealed by construction: doors work from prints, `evaluate` alone reads text, and every look is written down first."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

import trimtab
from tests.loop.conftest import case
from trimtab.curate import prints_path, sealed_path
from trimtab.loop.judging import sealed_suite
from trimtab.loop.sealing import seal_files
from trimtab.loop.shards import keyed_of, remarks, roles, rotate, rotate_when_worn, seal, shard_digest, shards, unsealed
from trimtab.loop.steps.data import sealed_set
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import (
    Case,
    Example,
    Message,
    UserError,
    case_from_json,
    read_jsonl,
    write_bytes,
    write_jsonl,
)

SHARD = Path("quarantine/sealed.jsonl")
SPARE = Path("quarantine/spare.jsonl")
QUESTION = "Which harbour town did the lighthouse keeper retire to after the great storm?"


@pytest.fixture
def workspace(tiny_workspace: Path) -> Workspace:
    """A tiny workspace with a second shard in reserve."""
    rows = [case(QUESTION), *(case(f"What is the weight of {thing} in stones?") for thing in ("granite", "pewter"))]
    write_jsonl(tiny_workspace / SPARE, rows)
    return find_workspace(tiny_workspace, [f'cases.reserved=["{SPARE.as_posix()}"]', "cases.worn_after=2"])


def asks(question: str) -> Example:
    return Example((Message("user", question), Message("assistant", "I do not know.")))


def sealed_texts(workspace: Workspace) -> list[str]:
    found = [read_jsonl(workspace.root / path, case_from_json) for path in (SHARD, SPARE)]
    return [turn.content for cases in found for one in cases for turn in one.messages]


def test_a_sealed_workspace_holds_no_word_of_a_case_in_plain(workspace: Workspace) -> None:
    texts = sealed_texts(workspace)
    seal_files(workspace)
    sealed_set(workspace).check(asks(QUESTION))
    held = b"".join(path.read_bytes() for path in workspace.root.rglob("*") if path.is_file())
    assert texts
    assert not [text for text in texts if text.encode() in held]
    for name in ("quarantine.key", "prints.key"):
        assert stat.S_IMODE((workspace.state / name).stat().st_mode) == 0o600


def test_a_door_without_the_key_of_the_text_finds_every_planted_row(workspace: Workspace) -> None:
    texts = sealed_texts(workspace)
    seal_files(workspace)
    (workspace.state / "quarantine.key").unlink()
    for path in (SHARD, SPARE):
        sealed_path(workspace.root / path).chmod(0o400)
    quarantine = sealed_set(workspace)
    changed = [f"Hello! {text.upper().replace(' ', '  ')} Thank you." for text in texts]
    assert all(quarantine.check_all([asks(text) for text in (*texts, *changed)]))
    assert quarantine.check(asks("Is the harbour open on Sundays?")) is None
    hit = quarantine.check(asks(QUESTION))
    assert hit is not None
    assert (hit.file, hit.line) == (SPARE.as_posix(), 1)


def test_sealing_changes_neither_the_suite_nor_what_a_step_is_known_by(workspace: Workspace) -> None:
    before, digests = sealed_suite(workspace), [shard_digest(workspace, path) for path in (SHARD, SPARE)]
    open_quarantine = sealed_set(workspace)
    seal_files(workspace)
    assert sealed_suite(workspace).digest == before.digest
    assert [shard_digest(workspace, path) for path in (SHARD, SPARE)] == digests
    assert sealed_set(workspace).digest == open_quarantine.digest


def test_a_look_is_in_the_ledger_before_the_text_is_read(workspace: Workspace) -> None:
    seal_files(workspace)
    ledger = workspace.store.ledger
    assert ledger.looks(SHARD.as_posix()) == []
    sealed_suite(workspace, "evaluate")
    (look,) = ledger.looks(SHARD.as_posix())
    assert look.purpose == "evaluate"
    assert look.who
    assert ledger.looks(SPARE.as_posix()) == []
    flip(sealed_path(workspace.root / SHARD), -3)
    with pytest.raises(UserError):
        sealed_suite(workspace, "evaluate")
    assert len(ledger.looks(SHARD.as_posix())) == 2


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("at", [40, 400, -30])
def test_an_index_with_a_flipped_byte_is_refused_by_name(workspace: Workspace, at: int) -> None:
    seal_files(workspace)
    flip(prints_path(workspace.root / SHARD), at)
    with pytest.raises(UserError, match=r"sealed\.jsonl\.prints"):
        sealed_set(workspace)


@pytest.mark.parametrize("at", [5, 300, -3])
def test_a_text_with_a_flipped_byte_is_refused_at_the_door_and_by_evaluate(workspace: Workspace, at: int) -> None:
    seal_files(workspace)
    flip(sealed_path(workspace.root / SHARD), at)
    for use in (sealed_set, sealed_suite):
        with pytest.raises(UserError, match=r"sealed\.jsonl\.sealed"):
            use(workspace)


@pytest.mark.parametrize("ending", [".prints", ".sealed"])
def test_half_a_shard_is_refused_by_name(workspace: Workspace, ending: str) -> None:
    seal_files(workspace)
    (workspace.root / f"{SHARD}{ending}").unlink()
    for use in (sealed_set, sealed_suite):
        with pytest.raises(UserError, match=rf"sealed\.jsonl\{ending}.*missing"):
            use(workspace)


@pytest.mark.parametrize(("key", "use"), [("prints.key", sealed_set), ("quarantine.key", sealed_suite)])
def test_another_key_or_none_is_refused_and_never_made_anew(workspace: Workspace, key: str, use: Any) -> None:
    from cryptography.fernet import Fernet

    seal_files(workspace)
    (workspace.state / key).write_bytes(Fernet.generate_key())
    with pytest.raises(UserError, match="another key"):
        use(workspace)
    (workspace.state / key).unlink()
    with pytest.raises(UserError, match=rf"{key}.*missing"):
        use(workspace)
    assert not (workspace.state / key).exists()


def test_sealing_cut_short_goes_on_where_it_stopped(workspace: Workspace) -> None:
    plain = (workspace.root / SHARD).read_bytes()
    seal_files(workspace)
    (workspace.root / SHARD).write_bytes(plain)
    assert [path for path in remarks(workspace) if "not sealed" in path]
    assert sealed_set(workspace).check(asks(QUESTION)) is not None
    assert seal_files(workspace) == [SHARD]
    assert not (workspace.root / SHARD).exists()
    assert seal_files(workspace) == []


@pytest.mark.parametrize("killed_at", range(4))
def test_sealing_killed_at_any_write_loses_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    writes = iter(range(99))

    def write(path: Path, data: bytes) -> None:
        if next(writes) == killed_at:
            raise KeyboardInterrupt
        write_bytes(path, data)

    before = sealed_suite(workspace).digest
    monkeypatch.setattr("trimtab.curate.quarantine.shard.write_bytes", write)
    with pytest.raises(KeyboardInterrupt):
        seal_files(workspace)
    monkeypatch.undo()
    for _ in range(2):
        assert sealed_suite(workspace).digest == before
        assert sealed_set(workspace).check(asks(QUESTION)) is not None
        seal_files(workspace)
    assert not unsealed(workspace)


def test_other_cases_beside_a_sealed_shard_are_refused_and_both_stay(workspace: Workspace) -> None:
    seal_files(workspace)
    write_jsonl(workspace.root / SHARD, [case("Quite another question, is it not?")])
    for use in (sealed_set, seal_files):
        with pytest.raises(UserError, match="other cases"):
            use(workspace)
    assert sealed_path(workspace.root / SHARD).exists()
    assert (workspace.root / SHARD).exists()


def test_a_file_that_cannot_be_sealed_leaves_everything_as_it_was(workspace: Workspace) -> None:
    (workspace.root / SPARE).write_text("{")
    with pytest.raises(UserError, match=r"spare\.jsonl"):
        seal(workspace, [SHARD, SPARE])
    assert (workspace.root / SHARD).exists()
    assert not prints_path(workspace.root / SHARD).exists()
    with pytest.raises(UserError, match="no shard of this workspace"):
        seal_files(workspace, [Path("data/sft.jsonl")])


def test_a_retired_shard_judges_no_more_and_is_guarded_for_ever(workspace: Workspace) -> None:
    old = sealed_texts(workspace)[0]
    seal_files(workspace)
    before = sealed_suite(workspace)
    assert rotate(workspace, who="ann", now=5.0) == ([SHARD], [SPARE])
    after = sealed_suite(workspace)
    assert QUESTION in [turn.content for one in after.cases for turn in one.messages]
    assert not {one.id for one in before.cases} & {
        one.id for one in after.cases if one.labels.get("suite") != "redteam"
    }
    assert sealed_set(workspace).check(asks(old)) is not None
    assert {path: role for path, role in roles(workspace).items() if role != "redteam"} == {
        SHARD: "retired",
        SPARE: "active",
    }
    with pytest.raises(UserError, match="no reserved shard waits"):
        rotate(workspace, who="ann", now=6.0)


def test_a_shard_looked_at_too_often_is_said_to_be_and_rotates_where_the_config_says_so(workspace: Workspace) -> None:
    assert not any("too often" in remark for remark in remarks(workspace))
    for _ in range(2):
        sealed_suite(workspace)
    sealed_set(workspace).record_look(workspace.store.ledger, who="bob", purpose="harvest", time=1.0)
    assert [(shard.looks, shard.worn) for shard in shards(workspace) if shard.path in (SHARD, SPARE)] == [
        (2, True),
        (0, False),
    ]
    assert any("looked at 2 times" in remark for remark in remarks(workspace))
    assert not rotate_when_worn(workspace, who="loop", now=1.0)
    eager = Workspace(
        workspace.root,
        find_workspace(
            workspace.root, ["cases.rotate=worn", "cases.worn_after=2", f'cases.reserved=["{SPARE.as_posix()}"]']
        ).config,
    )
    assert rotate_when_worn(eager, who="loop", now=1.0)
    assert not rotate_when_worn(eager, who="loop", now=2.0)
    assert roles(eager)[SPARE] == "active"


def test_only_the_suite_reader_of_evaluate_opens_sealed_text() -> None:
    assert users("open_sealed") == {"loop/judging.py", "store/unseal.py"}
    assert users("TEXT_KEY") == {"loop/judging.py", "loop/shards.py", "store/unseal.py"}
    assert users('"quarantine.key"') == {"loop/shards.py"}
    readers = {
        "loop/judging.py",
        "loop/steps/judge.py",
        "loop/drifting.py",
        "loop/membership.py",
        "cli/demo/sabotage.py",
    }
    assert users("sealed_suite") == readers


def users(name: str) -> set[str]:
    """The package's files that say this name."""
    root = Path(trimtab.__file__).parent
    return {path.relative_to(root).as_posix() for path in root.rglob("*.py") if name in path.read_text("utf-8")}


def test_open_cases_need_no_key(workspace: Workspace) -> None:
    assert keyed_of(workspace).id == keyed_of(workspace).id
    assert not (workspace.state / "prints.key").exists()
    assert isinstance(sealed_suite(workspace).cases[0], Case)
    assert json.loads((workspace.root / SHARD).read_text().splitlines()[0])
