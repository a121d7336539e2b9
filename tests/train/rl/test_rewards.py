"""Each verifiable reward pays for what it names and for nothing that only looks like it."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.model import Dialect
from trimtab.records import Message, ToolCall, ToolSchema, UserError
from trimtab.train.rl.arithmetic import evaluate
from trimtab.train.rl.rewards import (
    Grades,
    GroundedCitation,
    ModelReward,
    Reward,
    RightFormat,
    RightResult,
    RightRoute,
    TestsPassed,
    UngroundedSpans,
    grade,
    reward_name,
    weighted,
)
from trimtab.train.rl.rollout import Completion, Prompt, read_completion

ASK = (Message("user", "How long do returns take?"),)
PASSAGE = {"id": "kb-7", "title": "Returns", "text": "Returns are accepted within 30 days of delivery."}
PROMPT = Prompt(ASK)
READ = (
    *ASK,
    Message("assistant", tool_calls=(ToolCall("search", {"query": "returns"}),)),
    Message("tool", json.dumps([PASSAGE])),
)


@pytest.fixture(scope="module")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def said(text: str = "", calls: Sequence[ToolCall] = (), **changes: Any) -> Completion:
    ids = tuple(range(5, 6 + len(text.split())))
    fields: dict[str, Any] = {"token_ids": ids, "finish": "stop"}
    return Completion(text, Message("assistant", text, tool_calls=tuple(calls)), **{**fields, **changes})


def worth(reward: Reward, completion: Completion, messages: Sequence[Message] = ASK, **facts: Any) -> float:
    (value,) = grade(reward, Prompt(tuple(messages), facts=facts), [completion]).reward
    return value


def calculator(expression: str) -> ToolCall:
    return ToolCall("calculator", {"expression": expression})


def test_the_right_route_is_the_set_of_tools() -> None:
    search, order = ToolCall("search", {}), ToolCall("order", {})
    assert worth(RightRoute(), said(calls=[search, search]), tools=["search"]) == 1
    assert worth(RightRoute(), said(calls=[search, order]), tools=["search"]) == 0
    assert worth(RightRoute(), said(calls=[search]), tools=["search", "order"]) == 0
    assert worth(RightRoute(), said("No call."), tools=[]) == 1
    assert worth(RightRoute(), said("No call.", malformed=True), tools=[]) == 0
    assert worth(RightRoute(), said(calls=[order]), calls=[{"name": "order", "arguments": {}}]) == 1


def test_the_route_is_read_through_the_dialect(dialect: Dialect) -> None:
    text = '<tool_call>\n{"name": "search", "arguments": {}}\n</tool_call><|im_end|>'
    ids = dialect._pieces.encode(text)
    assert worth(RightRoute(), read_completion(ids, "stop", dialect), tools=["search"]) == 1
    cut = read_completion(ids[:-8], "length", dialect)
    assert cut.malformed
    assert worth(RightRoute(), cut, tools=["search"]) == 0


def test_the_right_result_is_a_number_not_its_spelling() -> None:
    reward = RightResult()
    assert worth(reward, said(calls=[calculator("6 * 7")]), answer=42) == 1
    assert worth(reward, said(calls=[calculator("84 / 2")]), answer="42.0") == 1
    assert worth(reward, said("First 7, so it comes to 42."), answer=42) == 1
    assert worth(reward, said("42 of 7"), answer=42) == 0
    assert worth(reward, said(calls=[calculator("6 * 8")]), answer=42) == 0
    assert worth(reward, said("It is 42.", [calculator("0")]), answer=42) == 0
    assert worth(reward, said("It is 42.", [ToolCall("search", {})]), answer=42) == 0
    assert worth(reward, said("no number"), answer=42) == 0
    assert worth(reward, said("42")) == 0
    expected = [{"name": "calculator", "arguments": {"expression": "40+2"}}]
    assert worth(reward, said("1,000 less 958 is 42"), calls=expected) == 1


@given(
    st.recursive(
        st.integers(0, 99).map(str),
        lambda part: st.tuples(part, st.sampled_from("+-*"), part).map(lambda x: f"({x[0]}{x[1]}{x[2]})"),
        max_leaves=8,
    )
)
def test_arithmetic_is_evaluated(expression: str) -> None:
    assert evaluate(expression) == pytest.approx(float(eval(expression)))


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2^10", 1024), ("1,250 × 4", 5000), ("20% * 50", 10), ("$3.50 + 1", 4.5), ("-(2 − 5)", 3), ("7 // 2 + 7 % 4", 6)],
)
def test_arithmetic_is_read_as_people_write_it(expression: str, value: float) -> None:
    assert evaluate(expression) == pytest.approx(value)


@pytest.mark.parametrize(
    "expression",
    ["", "1/0", "9**999", "(-8)**0.5", "__import__('os')", "x", "1 if 1 else 2", "True", "'a'*9", "1+", "1e999",
     "(" * 400 + "1", "1" * 600, "2j"],
)  # fmt: skip
def test_what_is_no_arithmetic_has_no_value(expression: str) -> None:
    assert evaluate(expression) is None


@given(st.text(max_size=60))
def test_arithmetic_never_raises(text: str) -> None:
    value = evaluate(text)
    assert value is None or abs(value) < float("inf")


def test_the_format_is_every_condition_given() -> None:
    assert worth(RightFormat(), said("Yes.")) == 1
    assert worth(RightFormat(), said("Yes.", finish="length")) == 0
    assert worth(RightFormat(finished=False), said("Yes.", finish="length")) == 1
    assert worth(RightFormat(pattern=r"\w+\."), said("Yes.")) == 1
    assert worth(RightFormat(pattern=r"\w+"), said("Yes.")) == 0
    assert worth(RightFormat(json=True), said('{"a": 1}')) == 1
    assert worth(RightFormat(json=True), said('{"a": 1')) == 0
    assert worth(RightFormat(max_tokens=3), said("one two")) == 1
    assert worth(RightFormat(max_tokens=2), said("one two")) == 0


def test_a_citation_must_exist_and_hold_the_claim() -> None:
    def value(text: str, **facts: Any) -> float:
        return worth(GroundedCitation(), said(text), READ, **facts)

    assert value("Returns are accepted within 30 days [kb-7].") == 1
    assert value("Returns are accepted within 60 days [kb-7].") == 0
    assert value("Returns are accepted within 30 days [kb-8].") == 0
    assert value("Returns are accepted within 30 days.") == 0
    assert value("What did you order?") == 0
    assert value("I could not find that in our documents.", answerable=False) == 1
    assert value("Returns are accepted within 30 days [kb-7].", answerable=False) == 0
    assert worth(GroundedCitation(), said("Hello there.")) == 1
    assert worth(GroundedCitation(), said("Hello [kb-7].")) == 0


def test_tokens_without_support_pay_one_by_one(dialect: Dialect) -> None:
    text = "Returns are accepted within 60 days [kb-7]."
    ids = (*dialect._pieces.encode(text), dialect.stop_ids[0])
    completion = read_completion(ids, "stop", dialect)
    grades = grade(UngroundedSpans(dialect, 0.5), Prompt(READ), [completion])
    assert grades.tokens is not None
    priced = [token for token, value in zip(ids, grades.tokens[0], strict=True) if value]
    assert dialect.decode(priced).strip() == "60"
    assert set(grades.tokens[0]) == {0.0, -0.5}
    assert grades.reward == [0.0]


def test_tests_run_on_the_last_fenced_block() -> None:
    seen = []

    def run(code: str, tests: Any) -> float:
        seen.append((code, tests))
        return 0.5

    text = "Try\n```python\na = 1\n```\nor\n```python\na = 2\n```"
    assert worth(TestsPassed(run), said(text), tests=["a == 2"]) == 0.5
    assert worth(TestsPassed(run), said("a = 3"), tests=[]) == 0.5
    assert seen == [("a = 2\n", ["a == 2"]), ("a = 3", [])]


class Judge:
    digest = "abc"

    def score(
        self, prompt: Sequence[Message], completions: Sequence[Sequence[Message]], tools: Sequence[ToolSchema] = ()
    ) -> list[float]:
        return [float(len(turns[0].content)) for turns in completions]


def test_a_reward_model_scores_what_was_said() -> None:
    assert worth(ModelReward(Judge()), said("four")) == 4


def test_weighted_rewards_add_up_and_keep_their_parts(dialect: Dialect) -> None:
    ids = (*dialect._pieces.encode("Within 60 days [kb-7]."), dialect.stop_ids[0])
    completions = [read_completion(ids, "stop", dialect), said("Yes.", finish="length")]
    inner = weighted({"spans": (1.0, UngroundedSpans(dialect))})
    reward = weighted({"format": (2.0, RightFormat()), "length": (-0.5, lambda p, c: [1.0, 4.0]), "all": (3.0, inner)})
    grades = grade(reward, Prompt(READ), completions)
    assert grades.reward == [1.5, -2.0]
    assert grades.parts["length"] == [1.0, 4.0]
    assert set(grades.parts) == {"format", "length", "all", "all.spans", "all.spans.ungrounded_tokens"}
    assert grades.tokens is not None
    assert min(grades.tokens[0]) == -3.0
    with pytest.raises(UserError, match="needs a term"):
        weighted({})


@pytest.mark.parametrize(
    "given",
    [
        [1.0],
        [1.0, float("nan")],
        [1.0, float("inf")],
        Grades([1.0, 2.0], {"a": [1.0]}),
        Grades([1.0, 2.0], tokens=[[0.0]]),
    ],
)
def test_a_reward_that_is_no_number_for_each_is_refused(given: Any) -> None:
    with pytest.raises(UserError, match="reward"):
        grade(lambda p, c: given, Prompt(ASK), [said("a"), said("b")])


def _named(prompt: Prompt, completions: Sequence[Completion]) -> list[float]:
    return [0.0] * len(completions)


def test_a_rewards_name_tells_settings_apart_and_holds_no_address(dialect: Dialect) -> None:
    rewards: list[Any] = [
        _named,
        partial(_named, PROMPT),
        RightFormat(),
        RightFormat(json=True),
        RightResult(),
        ModelReward(Judge()),
        TestsPassed(_named),  # type: ignore[arg-type]
        weighted({"a": (1.0, RightFormat())}),
        weighted({"a": (2.0, RightFormat())}),
        weighted({"a": (1.0, _named)}),
        UngroundedSpans(dialect),
    ]
    names = [reward_name(reward) for reward in rewards]
    assert len(set(names)) == len(names)
    assert not any(" at 0x" in name for name in names)
