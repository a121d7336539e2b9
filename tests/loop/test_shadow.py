"""A shadow in the loop: its copies move no canary and teach nothing; they are counted and compared with answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.loop.canary import CanaryConfig, CanaryState, canary_from_json
from trimtab.loop.controller import Controller
from trimtab.loop.shadow import compared, tell
from trimtab.loop.status import status
from trimtab.observe import CapturePolicy, SloConfig, StoreSink, signals
from trimtab.records import Behaviour, Message, Release, Timing, ToolCall, Trace, Verdict, trace_from_json
from trimtab.release import register
from trimtab.store import Store

CONFIG = CanaryConfig(settle_seconds=0, ramps=(0.5, 1.0), alpha_ramps=(0.5,))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "state")


@pytest.fixture
def releases(store: Store) -> tuple[str, str]:
    """(stable, candidate)."""
    stable, candidate = (register(store, Release(behaviour(store, name))) for name in ("old", "new"))
    store.aliases.set({"stable": stable}, "a test")
    return stable, candidate


def behaviour(store: Store, name: str) -> Behaviour:
    weights = store.folder / name
    weights.write_text(name)
    return Behaviour(
        model=store.artefacts.put(weights),
        chat_template="t",
        system_prompt="Be kind.",
        decoding={},
        tools="",
        policy="",
        guards="",
        index="",
        precision="f32",
    )


def controller(store: Store, config: CanaryConfig = CONFIG) -> Controller:
    return Controller(store, config, SloConfig(), lambda stable, canary: None)


def served(number: int, arm: str, release: str, answer: str = "It is blue.", **fields: Any) -> Trace:
    trace = Trace(
        id=f"{arm}-{number}",
        time=float(number),
        tenant="",
        user=f"user-{number}",
        arm="stable",
        release=release,
        prompt=(Message("user", "Which colour?"),),
        turns=(Message("assistant", answer),),
        finish="stop",
        timing=Timing(total=0.1),
    )
    return replace(trace, arm=arm, **fields)  # type: ignore[arg-type]


def begin(store: Store, keeper: Controller, candidate: str, **payload: str) -> None:
    store.intents.add("canary_start", {"release": candidate, "force": "yes", **payload})
    keeper.tick(0.0)


def test_a_canary_begins_with_copies_and_goes_on_with_traffic_without_a_restart(
    store: Store, releases: tuple[str, str]
) -> None:
    keeper, (_, candidate) = controller(store), releases
    begin(store, keeper, candidate, shadow="0.25")
    assert (keeper.share(), keeper.shadow()) == (0.0, 0.25)
    assert (controller(store).share(), controller(store).shadow()) == (0.0, 0.25), "killed, it goes on"
    store.intents.add("canary_shadow", {"share": "1"})
    keeper.tick(1.0)
    assert (keeper.share(), keeper.shadow()) == (0.0, 1.0)
    store.intents.add("canary_shadow", {"share": "0"})
    keeper.tick(2.0)
    assert (keeper.share(), keeper.shadow()) == (0.5, 0.0)


def test_the_config_says_how_a_canary_begins(store: Store, releases: tuple[str, str]) -> None:
    keeper = controller(store, CONFIG.model_copy(update={"shadow": 0.5}))
    begin(store, keeper, releases[1])
    assert (keeper.share(), keeper.shadow()) == (0.0, 0.5)
    begin(store, keeper, releases[1], shadow="0.0")
    assert (keeper.share(), keeper.shadow()) == (0.5, 0.0)


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan", "half"])
def test_a_share_that_is_none_is_refused_in_words(store: Store, releases: tuple[str, str], share: str) -> None:
    keeper = controller(store)
    begin(store, keeper, releases[1], shadow="0.5")
    number = store.intents.add("canary_shadow", {"share": share})
    keeper.tick(1.0)
    intent = store.intents.get(number)
    assert intent is not None
    assert intent.outcome is not None
    assert "is no share" in intent.outcome["error"]
    assert keeper.shadow() == 0.5


def test_a_canary_with_traffic_is_not_turned_into_a_shadow(store: Store, releases: tuple[str, str]) -> None:
    keeper, (stable, candidate) = controller(store), releases
    for without in (True, False):
        number = store.intents.add("canary_shadow", {"share": "0.5"})
        keeper.tick(1.0)
        outcome = store.intents.get(number)
        assert outcome is not None
        assert outcome.outcome is not None
        assert outcome.outcome["error"]
        if without:
            begin(store, keeper, candidate)
            store.traces.add(served(1, "stable", stable))
            keeper.tick(5.0)


def test_copies_are_no_evidence(store: Store, releases: tuple[str, str]) -> None:
    """Every copy fails, trips a guard and is slow: planted as canary traffic that rolls back, as copies nothing."""
    bad: dict[str, Any] = {"error": "broken", "verdicts": (Verdict("g", "block"),), "timing": Timing(total=99.0)}
    verdicts = {}
    for arm in ("shadow", "canary"):
        keeper, (_, candidate) = controller(store), releases
        begin(store, keeper, candidate)
        store.traces.add_all([served(number, arm, candidate, **bad) for number in range(100, 160)])
        for _ in range(3):
            keeper.tick(1000.0)
        assert keeper.state is not None
        verdicts[arm] = (keeper.state.verdict, keeper.state.requests["canary"])
    assert verdicts["shadow"] == ("running", 0)
    assert verdicts["canary"][0] == "rolled_back"


def test_what_was_answered_while_copying_is_no_evidence_later(store: Store, releases: tuple[str, str]) -> None:
    keeper, (stable, candidate) = controller(store), releases
    begin(store, keeper, candidate, shadow="1")
    store.traces.add_all([served(number, "stable", stable) for number in range(9)])
    keeper.tick(100.0)
    store.intents.add("canary_shadow", {"share": "0"})
    keeper.tick(101.0)
    store.traces.add(served(200, "stable", stable))
    keeper.tick(1000.0)
    assert keeper.state is not None
    assert keeper.state.requests == {"stable": 1, "canary": 0}


def test_a_state_from_before_shadows_is_read(releases: tuple[str, str]) -> None:
    row = CanaryState(*releases).to_json()
    del row["shadow"]
    assert canary_from_json(row).shadow == 0.0
    assert canary_from_json(CanaryState(*releases, shadow=0.5).to_json()).shadow == 0.5


def test_a_copy_is_redacted_telemetry_and_nothing_to_harvest(store: Store, releases: tuple[str, str]) -> None:
    sink = StoreSink(store, lambda text: text.replace("blue", "[x]"), CapturePolicy(), clock=lambda: 0.0)
    tripped = (Verdict("pii", "modify"),)
    for arm in ("stable", "shadow"):
        sink.trace(served(1, arm, releases[1], verdicts=tripped, shadow_of="stable-1" if arm == "shadow" else ""))
    kept = store.traces.get("shadow-1")
    assert kept is not None
    assert (kept.shadow_of, kept.turns[0].content) == ("stable-1", "It is [x].")
    assert [held.trace for held in store.capture.held()] == ["stable-1"]
    assert [arm.arm for arm in signals(store, now=10.0)] == ["stable"]


def test_a_trace_keeps_whose_copy_it_is() -> None:
    copy = served(1, "shadow", "r", shadow_of="chatcmpl-1")
    assert trace_from_json(copy.to_json()) == copy
    assert "shadow_of" not in served(1, "stable", "r").to_json()


def calls(*amounts: int) -> tuple[Message, ...]:
    made = tuple(ToolCall("refund", {"amount": amount}, id=f"c{amount}") for amount in amounts)
    return (Message("assistant", tool_calls=made),)


def test_agreement_is_counted_by_tools_calls_action_and_answer() -> None:
    asked = "Which order do you mean?"
    rows = [
        ((*calls(5), Message("assistant", "Done.")), (*calls(5), Message("assistant", "Done."))),
        ((*calls(7), Message("assistant", "It is done.")), (*calls(5), Message("assistant", "Done."))),
        ((Message("assistant", asked),), (*calls(5), Message("assistant", "Done."))),
        ((), (Message("assistant", "Done."),)),
    ]
    pairs = [
        (served(i, "shadow", "new", turns=copy, error="" if copy else "broken"), served(i, "stable", "old", turns=own))
        for i, (copy, own) in enumerate(rows)
    ]
    seen = compared([copy for copy, _ in pairs], pairs, 0.5, {"copied": 3, "failed": 1, "dropped": 2})
    assert (seen.copies, seen.failed, seen.compared) == (4, 1, 3)
    assert (seen.same_tools, seen.same_calls, seen.same_action, seen.same_answer) == (2, 1, 2, 1)


def test_the_status_shows_copies_and_counts_them_as_no_requests(store: Store, releases: tuple[str, str]) -> None:
    keeper, (stable, candidate) = controller(store), releases
    assert status(store, CONFIG).canary is None
    begin(store, keeper, candidate, shadow="0.5")
    for number, answer in enumerate(("It is blue.", "It is red.")):
        store.traces.add(served(number, "stable", stable))
        store.traces.add(served(number, "shadow", candidate, answer, shadow_of=f"stable-{number}"))
    tell(store, {"copied": 2, "dropped": 3})
    seen = status(store, CONFIG)
    assert seen.requests == 2
    assert seen.canary is not None
    assert seen.canary.decision.action == "pause"
    assert "copies of 50%" in seen.canary.decision.drivers[0]
    told = seen.to_json()["canary"]["shadow"]
    assert (told["copies"], told["compared"], told["same_action"], told["same_answer"]) == (2, 2, 2, 1)
    assert told["fates"] == {"copied": 2, "dropped": 3}
