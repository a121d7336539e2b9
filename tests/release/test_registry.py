"""The registry: one transaction a move, back means back, and nothing blocked becomes stable unasked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.records import Release, UserError
from trimtab.release import get, history, nominate, promote, register, releases, rollback
from trimtab.store import Store

MakeRelease = Callable[..., Release]


def three(store: Store, make_release: MakeRelease) -> list[str]:
    return [register(store, make_release(name)) for name in ("one", "two", "three")]


def test_a_release_is_found_by_digest_prefix_and_alias(store: Store, make_release: MakeRelease) -> None:
    one, two, _ = three(store, make_release)
    promote(store, one, "first")
    assert get(store, one).digest == get(store, one[:6]).digest == get(store, "stable").digest == one
    assert [release.digest for release in releases(store)][:2] == [one, two]
    for unknown in ("ffff" * 16, "abc", "candidate", ""):
        with pytest.raises(UserError):
            get(store, unknown)


def test_the_same_behaviour_is_one_release_and_keeps_its_evidence(store: Store, make_release: MakeRelease) -> None:
    digest = register(store, make_release("one", scorecard={"suite": "s"}, license="mit"))
    assert register(store, make_release("one", gate="blocked", card="card")) == digest
    found = get(store, digest)
    assert (found.scorecard, found.license, found.card) == ({"suite": "s"}, "mit", "card")
    assert found.gate["verdict"] == "blocked"
    assert len(releases(store)) == 1


def test_promotion_moves_stable_and_rollback_in_one_step(store: Store, make_release: MakeRelease) -> None:
    one, two, _ = three(store, make_release)
    promote(store, one, "first")
    nominate(store, two, "gated")
    promote(store, two, "canary shown safe", time=7.0)
    assert store.aliases.all() == {"stable": two, "rollback": one}
    last = history(store)[-1]
    assert (last.reason, last.time) == ("canary shown safe", 7.0)
    assert last.after == {"stable": two, "rollback": one, "candidate": None}


def test_promoting_what_is_stable_changes_nothing(store: Store, make_release: MakeRelease) -> None:
    one, two, _ = three(store, make_release)
    promote(store, one, "first")
    promote(store, two, "second")
    promote(store, two, "again")
    assert store.aliases.all() == {"stable": two, "rollback": one}
    assert len(history(store)) == 2


@pytest.mark.parametrize("verdict", ["blocked", ""])
def test_what_the_gate_did_not_pass_is_not_promoted_unless_forced(
    store: Store, make_release: MakeRelease, verdict: str
) -> None:
    promote(store, register(store, make_release("one")), "first")
    digest = register(store, make_release("two", gate=verdict))
    with pytest.raises(UserError, match="gate"):
        promote(store, digest, "hope")
    assert get(store, "stable").digest != digest
    assert promote(store, digest, "I answer for it", force=True) == get(store, "stable").digest


def test_the_first_incumbent_needs_no_gate(store: Store, make_release: MakeRelease) -> None:
    digest = register(store, make_release("one", gate=""))
    assert promote(store, digest, "π0") == digest


def test_back_goes_back_and_back_again_and_never_forward(store: Store, make_release: MakeRelease) -> None:
    one, two, three_ = three(store, make_release)
    for digest in (one, two, three_):
        promote(store, digest, "up")
    assert rollback(store, reason="worse") == two
    assert store.aliases.all() == {"stable": two, "rollback": one}
    assert rollback(store) == one
    assert store.aliases.all() == {"stable": one}
    with pytest.raises(UserError, match="nothing to go back to"):
        rollback(store)
    promote(store, three_, "mended")
    assert rollback(store) == one


def test_back_to_a_named_release_and_not_to_where_one_is(store: Store, make_release: MakeRelease) -> None:
    one, two, three_ = three(store, make_release)
    for digest in (one, two, three_):
        promote(store, digest, "up")
    assert rollback(store, one[:8]) == one
    assert store.aliases.get("rollback") is None
    with pytest.raises(UserError, match="stable already"):
        rollback(store, one)


def test_a_release_whose_model_is_gone_is_never_made_stable(store: Store, make_release: MakeRelease) -> None:
    one, two, _ = three(store, make_release)
    promote(store, one, "first")
    promote(store, two, "second")
    store.artefacts.remove(get(store, one).behaviour.model)
    with pytest.raises(UserError, match="no artefact"):
        rollback(store)
    with pytest.raises(UserError, match="no artefact"):
        promote(store, one, "again")
    with pytest.raises(UserError, match="no artefact"):
        register(store, get(store, one))
    assert store.aliases.get("stable") == two


_SWITCH = """
import sys
from pathlib import Path
from trimtab.release import promote, rollback
from trimtab.store import Store
store = Store.open(Path(sys.argv[1]))
print("up", flush=True)
while True:
    promote(store, sys.argv[2], "up")
    rollback(store, reason="back")
"""


def test_killed_at_any_instant_the_aliases_are_of_one_move(
    tmp_path: Path, store: Store, make_release: MakeRelease
) -> None:
    one, two = (register(store, make_release(name)) for name in ("one", "two"))
    promote(store, one, "first")
    store.close()
    for wait in (0.0, 0.003, 0.011, 0.029):
        child = subprocess.Popen(
            [sys.executable, "-c", _SWITCH, str(tmp_path / ".trimtab"), two], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with Store.open(tmp_path / ".trimtab") as found:
            aliases = found.aliases.all()
            assert aliases in ({"stable": one}, {"stable": two, "rollback": one})
            assert {name: digest for name, digest in history(found)[-1].after.items() if digest} == aliases
