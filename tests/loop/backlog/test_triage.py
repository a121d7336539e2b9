"""Triage as a function: every event gets a decision with a reason, twice is once, and no row is queued twice."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.loop.backlog.shop import Shop
from trimtab.curate import CurateConfig
from trimtab.curate.backlog import BacklogConfig
from trimtab.loop.backlog.events import Event, Kind
from trimtab.loop.backlog.fates import fates
from trimtab.loop.backlog.triage import LIVE, Judged, triage
from trimtab.loop.backlog.trust import Trust
from trimtab.loop.harvest import lesson
from trimtab.records import Feedback, Message, Trace
from trimtab.store import Decision


def judged(number: int, question: str, user: str, edit: str | None, tenant: str, gone: str, sealed: str) -> Judged:
    word = Feedback(f"f{number}", "t", 1.0, user=user, thumb=False, edit=edit)
    prompt, turns = (Message("user", question),), (Message("assistant", "No."),)
    request = None if gone else Trace("t", 1.0, tenant, user, "stable", "r", prompt, turns, "stop")
    kind: Kind = "thumb" if edit is None else "edit"
    event = Event(word.id, "t", kind, user, tenant, None if gone else word, request, gone)
    return Judged(event) if request is None else Judged(event, lesson(request, word), sealed)


parts = st.tuples(
    st.sampled_from(["May I?", "Can I?", "Must I?"]),
    st.sampled_from(["", "ann", "bob"]),
    st.sampled_from([None, " ", "Yes.", "It is 7.", "No."]),
    st.sampled_from(["shop", "private"]),
    st.sampled_from(["", "", "it is purged"]),
    st.sampled_from(["", "", "case 1"]),
)
batches = st.lists(parts, max_size=12).map(lambda rows: [judged(i, *row) for i, row in enumerate(rows)])
configs = st.builds(
    BacklogConfig,
    accept=st.sampled_from(["auto", "manual"]),
    trust=st.sampled_from([0.0, 0.4, 0.5, 0.9]),
    withheld_tenants=st.sampled_from([(), ("private",)]),
).map(lambda backlog: CurateConfig(backlog=backlog))


def standing(decisions: list[Decision]) -> list[Decision]:
    return list({(one.event, one.queue): one for one in decisions}.values())


@given(batches, configs)
def test_each_event_is_queued_or_refused_with_a_reason_once(batch: list[Judged], config: CurateConfig) -> None:
    made = triage(batch, [], Trust([], []), config, 1.0)
    assert all(one.reason for one in made)
    found = fates(made)
    assert found.queued.keys() | found.refused.keys() == {item.event.id for item in batch}
    assert not found.queued.keys() & found.refused.keys()
    assert triage(batch, made, Trust(made, []), config, 2.0) == []


@given(batches, configs)
def test_no_row_waits_twice_and_none_waits_that_must_not(batch: list[Judged], config: CurateConfig) -> None:
    live = [one for one in triage(batch, [], Trust([], []), config, 1.0) if one.state in LIVE]
    assert max(Counter((one.queue, one.body["row"]) for one in live).values(), default=0) <= 1
    bad = {item.event.id for item in batch if item.sealed or item.event.gone}
    bad |= {item.event.id for item in batch if item.event.tenant in config.backlog.withheld_tenants}
    assert not bad & {one.event for one in live}
    if config.backlog.accept == "manual":
        assert all(one.state == "waiting" for one in live)


@given(batches, configs, st.integers(0, 12))
def test_harvesting_in_two_parts_decides_as_in_one(batch: list[Judged], config: CurateConfig, cut: int) -> None:
    whole = triage(batch, [], Trust([], []), config, 1.0)
    first = triage(batch[:cut], [], Trust([], []), config, 1.0)
    second = triage(batch, first, Trust(first, []), config, 1.0)
    assert standing(first + second) == standing(whole)


@given(batches, configs)
def test_what_is_gone_from_the_store_is_forgotten_by_name(batch: list[Judged], config: CurateConfig) -> None:
    made = triage(batch, [], Trust([], []), config, 1.0)
    after = standing(made + triage([], made, Trust(made, []), config, 2.0))
    assert {one.state for one in after} <= {"refused", "forgotten"}
    assert not fates(after).queued


def test_a_trip_of_which_nothing_is_left_is_forgotten(shop: Shop) -> None:
    shop.serve(shop.trace("t1", "Where is my parcel?", trip=True))
    shop.reap()
    shop.store.capture.forget("t1")
    shop.store.traces.purge(shop.now + 1)
    done = shop.reap()
    assert done.refused == {"guard-t1": "neither its words nor its request are held any more"}
