"""A thousand planted needs-work events of every type and fault: each ends queued or refused with its reason."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.loop.backlog.shop import Shop
from trimtab.loop import reap as reaping
from trimtab.loop.backlog.events import events
from trimtab.loop.reap import Reaped
from trimtab.records import Trace

EVENTS = 1000
KINDS = ("thumb", "edit", "escalation", "incident", "guard trip")
REASONS = {
    "failed": "the request failed",
    "empty edit": "the edit is empty",
    "unsourced": "which no tool returned and nobody said",
    "contaminated": "quarantine: ",
    "no consent": "did not consent",
    "duplicate": "the same row waits already",
    "purged": "its exact text is not held",
    "unknown": "no such request is known",
}
THINGS = ("kettle", "stove", "tent", "lantern", "flask", "rope", "compass", "blanket", "hatchet", "filter")
VERBS = ("repair", "return", "clean", "store", "carry", "lend", "insure", "paint", "weigh", "photograph")


@dataclass(frozen=True)
class Planted:
    """One event with the fault planted in it ("" = sound)."""

    id: str
    kind: str
    fault: str
    trace: Trace | None
    said: dict[str, Any]


def plant(shop: Shop, seed: int) -> list[Planted]:
    chance = random.Random(seed)
    return [_one(shop, i, chance) for i in range(EVENTS)]


def _one(shop: Shop, i: int, chance: random.Random) -> Planted:
    kind = KINDS[i % len(KINDS)]
    fault = chance.choice(["", "", "", *(name for name in REASONS if _possible(name, kind))])
    question = f"May I {VERBS[i % 10]} the {THINGS[i // 10 % 10]} of order {i} at {['noon', 'dawn', 'dusk'][i % 3]}?"
    if fault == "contaminated":
        question = f"Name one animal with a {chance.choice(['red', 'green', 'teal'])} coat, please."
    if fault == "duplicate":
        question = f"Is the {kind} shop open?"  # the first of each kind is sound, the others repeat it
    trace = shop.trace(
        f"t-{i}",
        question,
        f"Answer of case {i}." if fault != "duplicate" else "Always.",
        tenant="private" if fault == "no consent" else "shop",
        error="engine died" if fault == "failed" else "",
        trip=kind == "guard trip",
    )
    id = f"guard-t-{i}" if kind == "guard trip" else f"f-{i}"
    return Planted(id, kind, fault, None if fault == "unknown" else trace, _said(kind, fault))


def _possible(fault: str, kind: str) -> bool:
    if fault in ("empty edit", "unsourced"):
        return kind == "edit"
    return fault != "unknown" or kind != "guard trip"


def _said(kind: str, fault: str) -> dict[str, Any]:
    edits = {"empty edit": "  ", "unsourced": "That makes $84,217."}
    said: dict[str, dict[str, Any]] = {
        "thumb": {"thumb": False},
        "edit": {"edit": edits.get(fault, "Please ask the desk.")},
        "escalation": {"escalated": True},
        "incident": {"severity": 2},
    }
    return said.get(kind, {})


def play(shop: Shop, planted: list[Planted]) -> None:
    """What was planted, through the sink; those that are to be purged first, and so long ago that they are."""
    for purged in (True, False):
        shop.now = 0.0 if purged else 40 * 24 * 3600.0
        batch = [one for one in planted if (one.fault == "purged") == purged]
        shop.serve(*(one.trace for one in batch if one.trace is not None))
        for i, one in enumerate(batch):
            if one.said:
                name = one.id.removeprefix("f-")
                shop.say(one.id, f"t-{name}", user=f"user {i}", **one.said)
        shop.store.capture.purge(35 * 24 * 3600.0)


@pytest.fixture
def played(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, list[Planted]]:
    shop = shop.configured(withheld_tenants=("private",))
    shop.store.database._connection.execute(
        "PRAGMA synchronous = OFF"
    )  # three thousand commits, none of them tested here
    planted = plant(shop, seed=5)
    play(shop, planted)
    return shop, planted


def balance(done: Reaped, planted: list[Planted]) -> bool:
    """In = queued + refused, by id, and nothing in both."""
    return not done.queued.keys() & done.refused.keys() and done.queued.keys() | done.refused.keys() == {
        one.id for one in planted
    }


def test_every_planted_event_ends_queued_or_refused_with_its_reason(played: tuple[Shop, list[Planted]]) -> None:
    shop, planted = played
    done = shop.reap()
    assert len(planted) == EVENTS
    assert balance(done, planted)
    assert len(done.queued) + len(done.refused) == EVENTS
    firsts = Counter[str]()
    for one in planted:
        firsts[one.kind] += one.fault == "duplicate"
        sound = not one.fault or (one.fault == "duplicate" and firsts[one.kind] == 1)
        if one.fault == "unsourced":  # the edit is refused, the thumb down in it is not
            assert REASONS[one.fault] in done.partly[one.id]
            assert done.queued[one.id] == ["unpaired"]
        elif sound:
            assert done.queued[one.id] == (["sft", "preference"] if one.kind == "edit" else ["unpaired"]), one
        elif one.fault == "duplicate":
            assert REASONS[one.fault] in done.refused[one.id]
        else:
            assert REASONS[one.fault] in done.refused[one.id], one
    assert {one.kind for one in planted} == set(KINDS)
    assert {one.fault for one in planted} == {"", *REASONS}
    assert all(reason for reason in done.refused.values())
    _harvest_again_decides_nothing(shop, done)


def _harvest_again_decides_nothing(shop: Shop, done: Reaped) -> None:
    before, files = shop.store.backlog.history(), [shop.learnt(queue) for queue in ("sft", "preference", "unpaired")]
    assert shop.reap() == done
    assert shop.store.backlog.history() == before
    assert [shop.learnt(queue) for queue in ("sft", "preference", "unpaired")] == files
    assert sum(text.count("\n") for text in files) == done.sft + done.preference + done.unpaired


def test_the_books_show_an_event_that_is_lost(
    played: tuple[Shop, list[Planted]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, planted = played
    losing: Callable[[Any], Any] = lambda store: [event for event in events(store) if not event.gone]  # noqa: E731
    monkeypatch.setattr(reaping, "events", losing)
    assert not balance(shop.reap(), planted)
