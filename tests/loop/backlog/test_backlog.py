"""Who waits, who enters, and who decides: trust, consent, people's say, and what survives a kill."""

import json
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.loop.backlog.shop import Shop
from trimtab.loop import reap as reaping
from trimtab.loop.backlog import desk
from trimtab.loop.backlog.trust import Trust
from trimtab.loop.steps.data import HARVEST, curate_, import_
from trimtab.loop.turn import Context
from trimtab.records import Feedback, Silent, UserError, row_from_json


def judged(shop: Shop, number: int, user: str = "ann", **said: object) -> str:
    shop.ask(f"t{number}", f"What shall I do with lamp type {'abcdefghij'[number]}?")
    shop.say(f"f{number}", f"t{number}", user=user, **(said or {"thumb": False}))
    return f"f{number}"


def test_manual_rows_wait_until_a_person_accepts_them(shop: Shop) -> None:
    shop = shop.configured(accept="manual")
    event = judged(shop, 1)
    done = shop.reap()
    assert (done.unpaired, done.waiting) == (1, 1)
    assert shop.learnt("unpaired") == ""
    desk.accept(shop.workspace, event, who="eve", now=shop.now)
    assert "lamp type b" in shop.learnt("unpaired")
    assert shop.state(event) == {"unpaired": "accepted"}


def test_a_person_whose_rows_were_refused_is_no_longer_accepted_by_itself(shop: Shop) -> None:
    first = judged(shop, 1, user="mallory")
    shop.reap()
    desk.refuse(shop.workspace, first, "spite", who="eve", now=shop.now)
    assert shop.learnt("unpaired") == ""
    second, other = judged(shop, 2, user="mallory"), judged(shop, 3, user="ann")
    shop.reap()
    assert (shop.state(second), shop.state(other)) == ({"unpaired": "waiting"}, {"unpaired": "accepted"})


def test_trust_counts_peoples_decisions_and_agreement_and_no_automatic_ones(shop: Shop) -> None:
    judged(shop, 1)
    shop.reap()
    assert Trust(shop.store.backlog.history(), []).of(shop.store.capture.pseudonym("ann")) == 0.5
    words = [Feedback("a", "t", 1.0, user="a", thumb=False), Feedback("b", "t", 1.0, user="b", thumb=True)]
    words.append(Feedback("c", "t", 1.0, user="c", escalated=True))
    trust = Trust([], words)
    assert (trust.of("a"), trust.of("b"), trust.of("c")) == (0.5, 0.25, 0.5)
    assert Trust([], [words[0], words[2]]).of("a") == pytest.approx(2 / 3)


def test_an_edit_without_words_costs_its_writer_the_next_row(shop: Shop) -> None:
    judged(shop, 1, user="bob", edit=" ")
    event = judged(shop, 2, user="bob")
    shop.reap()
    assert shop.state(event) == {"unpaired": "waiting"}


def test_consent_withdrawn_takes_rows_back(shop: Shop) -> None:
    event = judged(shop, 1)
    shop.reap()
    shop = shop.configured(withheld_tenants=("shop",))
    assert "did not consent" in shop.reap().refused[event]
    assert shop.learnt("unpaired") == ""


def test_a_row_leaves_with_the_capture_it_was_made_of(shop: Shop) -> None:
    event = judged(shop, 1)
    shop.reap()
    shop.store.capture.forget("t1")
    shop.reap()
    assert shop.state(event) == {"unpaired": "forgotten"}
    assert shop.learnt("unpaired") == ""


def test_a_case_sealed_later_takes_the_row_back(shop: Shop) -> None:
    event = judged(shop, 1)
    shop.reap()
    sealed = shop.workspace.root / "quarantine/sealed.jsonl"
    case = {
        "messages": [{"role": "user", "content": "What shall I do with lamp type b?"}],
        "expected": {"action": "answer"},
    }
    sealed.write_text(sealed.read_text() + json.dumps(case) + "\n")
    assert "quarantine: exact" in shop.reap().refused[event]


def test_a_correction_at_triage_replaces_the_event_and_passes_the_quarantine_with_a_look(shop: Shop) -> None:
    event = judged(shop, 1)
    shop.reap()
    looks = len(shop.store.ledger.looks())
    desk.edit(shop.workspace, event, "Keep it dry.", who="eve", now=shop.now)
    assert [look.purpose for look in shop.store.ledger.looks()[looks:]] == ["label", "label"]
    assert shop.state(event) == {"unpaired": "refused"}
    assert "Keep it dry." in shop.learnt("sft")
    desk.edit(shop.workspace, event, "Keep it very dry.", who="eve", now=shop.now)
    assert "Keep it dry." not in shop.learnt("sft")
    assert "Keep it very dry." in shop.learnt("sft")


def test_a_correction_that_meets_a_sealed_case_is_refused(shop: Shop) -> None:
    shop = shop.configured(accept="manual")
    shop.ask("t1", "Name one animal with a red coat, please.")
    shop.say("f1", "t1", thumb=False)
    shop.reap()
    done = desk.edit(shop.workspace, "f1", "A fox.", who="eve", now=shop.now)
    assert shop.learnt("sft") == ""
    assert sum("quarantine" in reason for reason in done.refused.values()) == 2


def test_what_a_person_says_after_a_trip_counts_instead_of_it(shop: Shop) -> None:
    shop.serve(shop.trace("t1", "Where is my parcel?", trip=True))
    shop.reap()
    assert shop.state("guard-t1") == {"unpaired": "accepted"}
    shop.say("f1", "t1", edit="I will ask.")
    done = shop.reap()
    assert "counts instead: f1" in done.refused["guard-t1"]
    assert done.queued["f1"] == ["sft", "preference"]


def test_rows_that_a_turn_has_learnt_are_taken_into_it_once(shop: Shop) -> None:
    event = judged(shop, 1, edit="Ask the desk.")
    shop.reap()
    given = import_(Context(shop.workspace, {}, Silent(), "k" * 16))
    context = Context(shop.workspace, {"import": given}, Silent(), "k" * 16)
    curate_(context)
    decided = shop.store.backlog.history()
    curate_(context)
    assert shop.store.backlog.history() == decided
    assert shop.state(event) == {"sft": "taken", "preference": "taken"}
    shop.reap()
    assert "Ask the desk." in shop.learnt("sft")  # a turn that starts at π0 learns it again


def test_the_desk_says_what_it_cannot_do(shop: Shop) -> None:
    event = judged(shop, 1)
    shop.reap()
    with pytest.raises(UserError, match="no row of 'f1' waits"):
        desk.accept(shop.workspace, event, who="eve", now=shop.now)
    with pytest.raises(UserError, match="no event 'f9'"):
        desk.show(shop.workspace, "f9")
    with pytest.raises(UserError, match="needs its reason"):
        desk.refuse(shop.workspace, event, " ", who="eve", now=shop.now)
    shop.store.capture.forget("t1")
    with pytest.raises(UserError, match="not held any more"):
        desk.edit(shop.workspace, event, "x", who="eve", now=shop.now)


def test_decisions_can_only_be_added(shop: Shop) -> None:
    judged(shop, 1)
    shop.reap()
    for sql in ("UPDATE backlog SET state = 'accepted'", "DELETE FROM backlog"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"), shop.store.database.write() as connection:
            connection.execute(sql)


_KILLED = """
import os, signal, sys
from pathlib import Path
from trimtab.store import Decision, Store

class Deadly(str):
    def encode(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)

def one(number, kind=str):
    return Decision(kind(f"e{number}"), "sft", "waiting", "new", "auto", 1.0, {"row": str(number)})

store = Store.open(Path(sys.argv[1]))
store.backlog.add(lambda standing: [one(1)])
store.backlog.add(lambda standing: [one(number, Deadly if number == 25 else str) for number in range(10, 60)])
"""


def test_killed_in_the_middle_of_deciding_all_of_it_stands_or_none(shop: Shop) -> None:
    state = shop.workspace.state
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(state)], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [one.event for one in shop.standing()] == ["e1"]


def test_stopped_between_the_decisions_and_the_files_the_next_harvest_ends_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(shop, 1, edit="Ask the desk.")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reaping, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            shop.reap()
    decided = shop.store.backlog.history()
    assert len(decided) == 2
    assert not (shop.workspace.root / HARVEST / "sft.jsonl").exists()
    shop.reap()
    assert shop.store.backlog.history() == decided
    assert row_from_json(json.loads(shop.learnt("sft"))).provenance["event"] == "f1"
