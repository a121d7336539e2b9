"""A case put otherwise asks for the same: what is due is mapped, never changed, and nothing of it is given away."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate import EvaluateConfig, Material, Transcript, make_battery, make_suite, score_suite, variants_of
from trimtab.evaluate.routes.renaming import renaming
from trimtab.records import Case, Expected, Message, ToolCall, case_from_json
from trimtab.stats import paired_interval
from trimtab.tools import Outcome

NAMES = st.text("qxz_", min_size=2, max_size=6) | st.sampled_from(["tool_1", "field_1", "field_2"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A case that brings up to four tools and expects calls of them."""
    tools: list[dict[str, Any]] = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        keys = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        parameters: dict[str, Any] = {
            "type": "object",
            "properties": {key: {"type": "integer"} for key in keys},
            "required": keys,
        }
        tools.append({"type": "function", "function": {"name": name, "parameters": parameters}})
    functions: list[dict[str, Any]] = [tool["function"] for tool in tools]
    calls = tuple(
        ToolCall(function["name"], {key: draw(st.integers(0, 9)) for key in function["parameters"]["properties"]})
        for function in draw(st.lists(st.sampled_from(functions), max_size=3))
    )
    rows = [{"name": call.name, "allowed": {key: [value] for key, value in call.arguments.items()}} for call in calls]
    expected = Expected("call_tool", calls, check={"kind": "calls", "calls": rows} if rows else {})
    asked = draw(st.sampled_from(["Can you do 5 of X-1?", "I want to know.", "hello"]))
    return Case((Message("system", "s"), Message("user", asked)), expected, tools=tuple(tools))


def texts(case: Case) -> str:
    return " ".join(message.content for message in case.messages)


@given(cases(), st.integers(0, 5))
def test_what_is_due_is_the_plain_cases_mapped(case: Case, seed: int) -> None:
    for variant in variants_of(case, seed):
        due = [(call.name, dict(call.arguments)) for call in variant.expected.calls]
        if variant.labels["variant"] == "renamed":
            back = renaming(case.tools, random.Random(f"{seed}:renamed:{case.id}")).back()
            assert back.case(variant).expected == case.expected
        else:
            assert due == [(call.name, dict(call.arguments)) for call in case.expected.calls]
            assert variant.expected == case.expected


@given(cases(), st.integers(0, 5))
def test_renaming_is_one_to_one_and_keeps_no_name(case: Case, seed: int) -> None:
    names = renaming(case.tools, random.Random(seed))
    for mapping in (names.tools, *names.arguments.values()):
        assert len(set(mapping.values())) == len(mapping)
        assert not set(mapping.values()) & set(mapping)
    renamed = names.case(case)
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in renamed.tools}
    for call in renamed.expected.calls:
        assert set(call.arguments) == set(offered[call.name]["properties"])
    for parameters in offered.values():
        assert set(parameters["required"]) == set(parameters["properties"])


@given(cases(), st.integers(0, 5))
def test_nothing_of_the_answer_is_said_and_every_value_stays(case: Case, seed: int) -> None:
    for variant in variants_of(case, seed):
        added = set(texts(variant).split()) - set(texts(case).split())
        assert not added & {call.name for call in (*case.expected.calls, *variant.expected.calls)}
        assert not any(any(letter.isdigit() for letter in word) for word in added)
        assert "X-1" not in texts(case) or "X-1" in texts(variant)


@given(cases(), st.integers(0, 5))
def test_a_variant_is_a_case_of_its_own_in_the_plain_ones_cluster(case: Case, seed: int) -> None:
    for variant in variants_of(case, seed):
        assert variant.id != case.id == variant.labels["plain"] == variant.labels["cluster"]
        assert case_from_json(json.loads(json.dumps(variant.to_json()))).id == variant.id
        assert variant.messages[0] == case.messages[0]
    assert [one.id for one in variants_of(case, seed)] == [one.id for one in variants_of(case, seed)]


@given(cases(), st.integers(0, 5))
def test_a_shifted_context_offers_every_tool_still(case: Case, seed: int) -> None:
    (shifted,) = variants_of(case, seed, ["shifted"])
    assert all(tool in shifted.tools for tool in case.tools)
    assert len(shifted.tools) == len(case.tools) + 3
    assert shifted.messages[-1] == case.messages[-1]


def test_the_battery_takes_the_routing_cases_alone() -> None:
    routing = Case((Message("user", "total?"),), Expected("answer", (ToolCall("calculator", {"expression": "2"}),)))
    chat = Case((Message("user", "hello"),), Expected("answer"))
    attack = Case(routing.messages, routing.expected, labels={"suite": "redteam"})
    made = make_battery("routing", 10, 0, Material(cases=(routing, chat, attack)))
    assert {one.labels["plain"] for one in made} == {routing.id}
    assert {one.labels["variant"] for one in made} == {"paraphrase", "shifted"}  # a toolbox's own names stay
    assert {one.labels["battery"] for one in made} == {"routing"}


@pytest.fixture
def pairs() -> tuple[Any, dict[str, Transcript]]:
    """Twenty cases and their paraphrases; a quarter is lost under paraphrase."""
    suite, done = [], {}
    for i in range(20):
        call = ToolCall("calculator", {"expression": str(i)})
        plain = Case((Message("user", f"total {i}?"),), Expected("call_tool", (call,)))
        (variant,) = variants_of(plain, 0, ["paraphrase"])
        suite += [plain, variant]
        called = Outcome((Message("assistant", tool_calls=(call,)),), "", "", "client_tools")
        done[plain.id] = Transcript(called)
        done[variant.id] = Transcript(
            Outcome((Message("assistant", "No."),), "No.", "No.", "stop") if i % 4 == 0 else called
        )
    return make_suite(suite), done


def test_the_drop_is_paired_by_case_with_its_interval(pairs: tuple[Any, dict[str, Transcript]]) -> None:
    suite, done = pairs
    card = score_suite(suite, done, release="r", vocab_size=10, config=EvaluateConfig(bootstrap_draws=10))
    metric = card.metrics["robustness_paraphrase"]
    assert (metric.value, metric.n, metric.direction) == (-0.25, 20, "higher")
    plain = paired_interval([float(i % 4 != 0) for i in range(20)], [1.0] * 20)
    assert (metric.ci_low, metric.ci_high) == pytest.approx((plain.low, plain.high))
    assert card.slices["variant=paraphrase"]["tool_routing_accuracy"].value == 0.75
    assert sum(card.cases["robustness_paraphrase"].values()) == -5


def test_a_variant_without_its_plain_case_is_no_pair(pairs: tuple[Any, dict[str, Transcript]]) -> None:
    suite, done = pairs
    alone = make_suite(case for case in suite.cases if "variant" in case.labels)
    card = score_suite(alone, done, release="r", vocab_size=10, config=EvaluateConfig(bootstrap_draws=10))
    assert "robustness_paraphrase" not in card.metrics
