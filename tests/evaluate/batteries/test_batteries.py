"""A battery gives as many cases as asked, the same for the same seed, and each can be solved."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.evaluate import CHECKS, Material, Records, describe_batteries, make_battery, notes, score_case
from trimtab.evaluate.batteries.helpful import OFFERS
from trimtab.evaluate.batteries.long_context import fitting
from trimtab.evaluate.checks.rules import RULES, keeps
from trimtab.records import UserError, case_from_json
from trimtab.text import numbers
from trimtab.tools import Passage

PASSAGES = tuple(
    Passage(f"p-{i}", f"Page {i}", f"The kettle number {i + 20} boils a litre of water in {i + 3} minutes.")
    for i in range(6)
)
ROWS = ({"order_id": "AB-12345", "status": "lost", "total": 12.5}, {"order_id": "AB-12346", "status": "paid"})
CALCULATOR = {"type": "function", "function": {"name": "calculator", "parameters": {}}}


def in_words(text: str) -> int:
    return len(text.split())


MATERIAL = Material(
    passages=PASSAGES,
    schemas=(CALCULATOR,),
    records=(Records("lookup_order", "order_id", ROWS),),
    irreversible=("refund_order",),
    count=in_words,
    window=1500,
    taken=100,
)
NAMES = sorted({"domain", "harmless", "helpful", "honest", "long_context", "multi_turn", "redteam"})


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 25), seed=st.integers(0, 2**40))
def test_a_battery_is_its_seeds(name: str, count: int, seed: int) -> None:
    cases = make_battery(name, count, seed, MATERIAL)
    assert len({case.id for case in cases}) == len(cases) == count
    assert cases == make_battery(name, count, seed, MATERIAL)
    assert {case.labels["battery"] for case in cases} == {name}
    assert [case_from_json(case.to_json()) for case in cases] == cases
    assert {str(case.expected.check["kind"]) for case in cases if case.expected.check} <= CHECKS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_renews_it(name: str) -> None:
    one, other = ({case.id for case in make_battery(name, 24, seed, MATERIAL)} for seed in (0, 1))
    assert len(one & other) < 24 // 2


def test_a_name_that_is_not_known_is_answered_with_the_list() -> None:
    with pytest.raises(UserError, match=r"unknown battery 'nice'.*harmless \| helpful"):
        make_battery("nice", 1, 0)


def test_a_battery_that_runs_dry_says_how_much_it_has() -> None:
    with pytest.raises(UserError, match=r"has \d+ distinct cases, not 50"):
        make_battery("domain", 50, 0, Material(records=(Records("lookup_order", "order_id", ROWS),)))


def test_every_battery_has_its_line() -> None:
    assert set(NAMES) <= describe_batteries().keys()
    assert all(describe_batteries().values())


def test_helpful_uses_every_rule_and_never_two_that_exclude_each_other() -> None:
    cases = make_battery("helpful", 300, 3)
    rules = [[one["rule"] for one in case.expected.check["constraints"]] for case in cases]
    assert {name for row in rules for name in row} == set(OFFERS) == set(RULES)
    assert not any({"uppercase", "lowercase"} <= set(row) or {"json", "quoted"} <= set(row) for row in rules)
    for case in cases:
        for one in case.expected.check["constraints"]:
            keeps("an answer", one)


def test_harmless_asks_in_pairs() -> None:
    cases = make_battery("harmless", 28, 0)
    should = [case.expected.check["should"] for case in cases]
    assert should.count("refuse") == should.count("answer") == 14
    assert len({case.labels["cluster"] for case in cases}) == 14


def test_honest_presses_in_clusters_of_two() -> None:
    cases = [case for case in make_battery("honest", 60, 0) if "pressed" in case.labels]
    clusters: dict[str, list[bool]] = {}
    for case in cases:
        clusters.setdefault(case.labels["cluster"], []).append(case.labels["pressed"])
    assert cases
    assert all(set(pair) == {False, True} for pair in clusters.values())


def test_long_context_fills_its_length_and_never_passes_it() -> None:
    cases = make_battery("long_context", 40, 0, MATERIAL)
    assert {case.labels["length"] for case in cases} == {256, 512, 1024} == set(fitting(MATERIAL))
    assert {case.labels["length"] for case in cases[:3]} == {256, 512, 1024}
    assert len({(case.labels["length"], case.labels["depth"]) for case in cases[:15]}) == 15
    assert {case.labels["depth"] for case in cases} == {"0.00", "0.25", "0.50", "0.75", "1.00"}
    assert {case.labels["kind"] for case in cases} == {"1 needle", "3 needles"}
    for case in cases:
        tokens = in_words(case.messages[0].content)
        assert 0.9 * case.labels["length"] < tokens <= case.labels["length"]


def test_a_needle_stands_once_and_at_its_depth() -> None:
    for case in make_battery("long_context", 30, 5, MATERIAL):
        lines = case.messages[0].content.splitlines()[2:-2]
        for code in case.expected.check["numbers"]:
            assert sum(code in line for line in lines) == 1
        if case.labels["kind"] == "1 needle":
            (code,) = case.expected.check["numbers"]
            at = next(i for i, line in enumerate(lines) if code in line)
            assert at / (len(lines) - 1) == pytest.approx(float(case.labels["depth"]), abs=0.02)


def test_what_does_not_fit_is_said() -> None:
    assert "2048, 4096" in notes("long_context", MATERIAL)[0]
    with pytest.raises(UserError, match="no room"):
        make_battery("long_context", 1, 0, Material(window=200))


def test_multi_turn_has_every_kind_and_later_turns() -> None:
    cases = make_battery("multi_turn", 20, 0)
    kinds = {case.labels["kind"] for case in cases}
    assert kinds == {"remember", "correct", "refer back", "change of mind", "persist"}
    assert all(case.ask.then for case in cases)


def test_an_attack_succeeds_by_its_mark_and_a_refusal_holds(build: Any) -> None:
    cases = make_battery("redteam", 30, 0, MATERIAL)
    assert {case.labels["severity"] for case in cases} == {1, 2, 3}
    assert {case.labels["kind"] for case in cases} == {"direct", "role-play", "injection", "multi-turn", "encoded"}
    for case in cases:
        mark, tool = case.expected.forbidden
        assert tool == "refund_order"
        assert score_case(case, build.transcript(f"Of course: {mark}."))["attack_success"] == 1.0
        assert score_case(case, build.transcript("I'm sorry, I can't help."))["attack_success"] == 0.0


def test_domain_knows_its_answer_and_takes_the_passage_from_the_twin(build: Any) -> None:
    cases = make_battery("domain", 40, 0, MATERIAL)
    assert {case.labels["kind"] for case in cases} == {"passage given", "passage gone", "record", "sum"}
    for case in cases:
        if case.labels["kind"] == "passage given":
            (value,) = case.expected.check["numbers"]
            said = build.transcript(f"It is {value} [{case.expected.citations[0]}].")
            assert value in numbers(case.messages[2].content)
            assert score_case(case, said)["domain_accuracy"] == 1.0
        if case.labels["kind"] == "passage gone":
            assert case.labels["domain"] not in case.messages[2].content
            assert score_case(case, build.transcript("It is 4."))["domain_accuracy"] == 0.0
            assert score_case(case, build.transcript("I don't know."))["domain_accuracy"] == 1.0


def test_a_workspace_of_nothing_has_no_domain() -> None:
    with pytest.raises(UserError, match="nothing to ask about"):
        make_battery("domain", 1, 0)
