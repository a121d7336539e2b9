"""Intents are carried out once, the canary's state is one value, a look is never taken back."""

from pathlib import Path

from trimtab.store import Look, Store


def test_an_intent_is_carried_out_once(tmp_path: Path) -> None:
    with Store.open(tmp_path) as commands, Store.open(tmp_path) as controller:
        first = commands.intents.add("canary.start", {"digest": "d"}, time=3.0)
        second = commands.intents.add("rollback", {})
        assert [(intent.id, intent.kind) for intent in controller.intents.pending()] == [
            (first, "canary.start"),
            (second, "rollback"),
        ]
        assert controller.intents.done(first, {"ok": True})
        assert not controller.intents.done(first, {"ok": False})
        done = commands.intents.get(first)
        assert done is not None
        assert (done.payload, done.time, done.outcome) == ({"digest": "d"}, 3.0, {"ok": True})
        assert [intent.id for intent in commands.intents.pending()] == [second]
        assert commands.intents.get(99) is None


def test_the_canary_state_is_one_value(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert store.canary.load() is None
        store.canary.save({"share": 0.05})
        store.canary.save({"share": 0.25})
    with Store.open(tmp_path) as store:
        assert store.canary.load() == {"share": 0.25}


def test_looks_add_up(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.ledger.look("sealed", "suite-1", "evaluate", "gate", 1.0)
        store.ledger.look("other", "suite-2", "curate", "quarantine", 2.0)
        store.ledger.look("sealed", "suite-1", "evaluate", "gate", 3.0)
        assert [look.time for look in store.ledger.looks("sealed")] == [1.0, 3.0]
        assert store.ledger.looks()[1] == Look("other", "suite-2", "curate", "quarantine", 2.0)
