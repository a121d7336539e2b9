"""Rows become tokens through the dialect: the assistant's turns are learned, everything else is only read."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.model import Dialect, Encoded
from trimtab.records import Comparison, Example, Message, Ranked, ToolCall, ToolSchema, Unpaired, UserError
from trimtab.train.config import TrainConfig
from trimtab.train.course import trained_weight
from trimtab.train.rows import comparison_group, example_group, groups_of, preference_group, thumb_group

SYSTEM, ASK = Message("system", "Be kind."), Message("user", "Where is my order?")
FIRST, MORE = Message("assistant", "Which one?"), Message("user", "AB-1234")
GOOD, BAD = Message("assistant", "It left today."), Message("assistant", "No idea.")


@pytest.fixture(scope="module")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def learned(group: tuple, dialect: Dialect) -> list[str]:  # type: ignore[type-arg]
    return [dialect.decode(s.ids_L[s.scored_N].tolist()) for s in group]


def test_an_example_teaches_every_assistant_turn_with_its_end(dialect: Dialect) -> None:
    example = Example((SYSTEM, ASK, FIRST, MORE, GOOD), rejected=((BAD,),))
    group = example_group(example, dialect)
    assert learned(group, dialect) == ["Which one?<|im_end|>It left today.<|im_end|>"]
    assert group[0].example_id == example.id
    assert group[0].ids_L.tolist() == dialect.encode(example.messages)


def test_a_comparison_scores_the_answers_only(dialect: Dialect) -> None:
    comparison = Comparison((SYSTEM, ASK, FIRST, MORE), (GOOD,), (BAD,))
    group = comparison_group(comparison, dialect)
    assert learned(group, dialect) == ["It left today.<|im_end|>", "No idea.<|im_end|>"]
    assert [s.label for s in group] == [1, -1]
    assert len({s.example_id for s in group}) == 2


def test_rows_that_are_too_long_stop_the_run_or_are_dropped_by_name(dialect: Dialect) -> None:
    short, long = Example((ASK, GOOD)), Example((ASK, Message("assistant", "word " * 200)))
    config = TrainConfig(max_tokens=100)
    with pytest.raises(UserError, match=r"row 2 .*at most 100"):
        groups_of([short, long], lambda row: example_group(row, dialect), config)
    drop = TrainConfig(max_tokens=100, bad_rows="drop")
    groups, dropped = groups_of([short, long], lambda row: example_group(row, dialect), drop)
    assert len(groups) == 1
    assert len(dropped) == 1
    assert long.id[:12] in dropped[0]
    with pytest.raises(UserError, match="no row to train on"):
        groups_of([long], lambda row: example_group(row, dialect), drop)


def test_a_row_with_nothing_to_learn_is_the_users_mistake(dialect: Dialect) -> None:
    rows = [Example((ASK, GOOD)), Example((ASK,))]
    with pytest.raises(UserError, match="row 2"):
        groups_of(rows, lambda row: example_group(row, dialect), TrainConfig())


def test_a_row_with_an_empty_answer_is_named(dialect: Dialect) -> None:
    empty = Message("assistant", "  ")
    with pytest.raises(UserError, match=r"'chosen\[0\]': empty completion"):
        comparison_group(Comparison((ASK,), (empty,), (BAD,)), dialect)
    with pytest.raises(UserError, match=r"'messages\[1\]': empty completion"):
        example_group(Example((ASK, empty, MORE, GOOD)), dialect)
    with pytest.raises(UserError, match="empty completion"):
        thumb_group(Unpaired((ASK,), (empty,), True), dialect)
    called = Message("assistant", tool_calls=(ToolCall("look_up", {"key": "a"}),))
    assert len(thumb_group(Unpaired((ASK,), (called,), True), dialect)[0].scored_N) > 1


def test_sides_that_encode_alike_say_nothing(dialect: Dialect) -> None:
    with pytest.raises(UserError, match="same once encoded"):
        comparison_group(Comparison((ASK,), (GOOD,), (Message("assistant", GOOD.content + " "),)), dialect)


class Rewriting:
    """A dialect whose template adds a token in front once the conversation is long."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode_turns(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        found = self.dialect.encode_turns(messages, tools)
        return found if len(messages) < 2 else Encoded((1, *found.ids), (False, *found.trained))


def test_a_prompt_that_is_no_prefix_is_named(dialect: Dialect) -> None:
    rewriting = Rewriting(dialect)
    rows: list[Comparison | Ranked] = [
        Comparison((ASK,), (GOOD,), (BAD,)),
        Ranked((ASK,), ((GOOD,), (BAD,)), (1.0, 0.0)),
    ]
    for row in rows:
        with pytest.raises(UserError, match="not a prefix"):
            preference_group(row, rewriting)
    with pytest.raises(UserError, match=r"'completion': .*not a prefix"):
        thumb_group(Unpaired((ASK,), (GOOD,), True), rewriting)


def test_a_ranking_scores_each_answer_and_carries_its_score(dialect: Dialect) -> None:
    ranked = Ranked((SYSTEM, ASK), ((GOOD,), (BAD,), (FIRST,)), (2.0, -1.0, 0.5))
    group = preference_group(ranked, dialect)
    assert learned(group, dialect) == ["It left today.<|im_end|>", "No idea.<|im_end|>", "Which one?<|im_end|>"]
    assert [s.reward for s in group] == [2.0, -1.0, 0.5]
    assert {s.label for s in group} == {0}
    assert len({s.example_id for s in group}) == 3


@pytest.mark.parametrize("scores", [(1.0, 1.0), (1.0, 1.0 + 1e-12)])
def test_mixed_labels_stop_the_run_or_are_dropped(dialect: Dialect, scores: tuple[float, float]) -> None:
    rows = [Ranked((ASK,), ((GOOD,), (BAD,)), (1.0, 0.0)), Ranked((ASK,), ((GOOD,), (BAD,)), scores)]
    make = partial(preference_group, dialect=dialect)
    with pytest.raises(UserError, match=rf"row 2 \({rows[1].id[:12]}\): mixed labels"):
        groups_of(rows, make, TrainConfig())
    groups, dropped = groups_of(rows, make, TrainConfig(bad_rows="drop"))
    assert len(groups) == len(dropped) == 1


def test_a_score_beyond_float32_is_named(dialect: Dialect) -> None:
    with pytest.raises(UserError, match="beyond float32"):
        preference_group(Ranked((ASK,), ((GOOD,), (BAD,)), (1e300, 0.0)), dialect)


def test_every_bad_row_is_counted_before_the_run_stops(dialect: Dialect) -> None:
    bad = [Example((ASK, Message("assistant", ""))), Example((ASK,)), Example((ASK, Message("assistant", "w " * 300)))]
    with pytest.raises(UserError, match=r"row 2 .*3 of 4 rows cannot be trained on, also row 3 .*row 4 ") as caught:
        groups_of([Example((ASK, GOOD)), *bad], partial(example_group, dialect=dialect), TrainConfig(max_tokens=200))
    assert all(row.id[:12] in str(caught.value) for row in bad)


def test_margins_and_annotators_become_reward_and_importance(dialect: Dialect) -> None:
    row = Comparison((ASK,), (GOOD,), (BAD,), annotators=("ann", "new"), margin=0.75, labels={"weight": 4})
    chosen, rejected = comparison_group(row, dialect, {"ann": 2.0})
    assert chosen.reward - rejected.reward == 0.75
    assert chosen.importance == rejected.importance == 4 * (2.0 + 1.0) / 2
    unsigned = replace(row, annotators=(), labels={})
    assert comparison_group(unsigned, dialect, {"ann": 2.0})[0].importance == 1.0


@pytest.mark.parametrize("margin", [-1.0, 1e300, math.inf, math.nan, "2", True])
def test_a_margin_is_a_number_of_at_least_zero(dialect: Dialect, margin: Any) -> None:
    with pytest.raises(UserError, match="margin"):
        comparison_group(Comparison((ASK,), (GOOD,), (BAD,), margin=margin), dialect)


def test_a_weighted_row_weighs_more_a_token(dialect: Dialect) -> None:
    plain = example_group(Example((ASK, GOOD)), dialect)[0]
    heavy = example_group(Example((ASK, GOOD), labels={"weight": 2.5}), dialect)[0]
    assert heavy.weight_L.tolist() == (2.5 * plain.weight_L).tolist()
    assert heavy.importance == 2.5
    assert trained_weight([(plain,), (heavy,)]) == 3.5 * len(plain.scored_N)


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf, 1e-60, 1e60, "1", True, None])
def test_a_weight_is_a_finite_number_above_zero(dialect: Dialect, weight: Any) -> None:
    with pytest.raises(UserError, match=r"'labels\.weight'"):
        example_group(Example((ASK, GOOD), labels={"weight": weight}), dialect)


LOOK_UP = ToolCall("find", {"key": "MNMN"})
TURN = st.one_of(
    st.builds(Message, st.just("user"), st.text("QW ", min_size=1).filter(str.strip)),
    st.builds(Message, st.just("assistant"), st.text("MN ", min_size=1).filter(str.strip)),
    st.builds(lambda text: Message("assistant", text, (LOOK_UP,)), st.text("MN", max_size=4)),
    st.builds(Message, st.just("tool"), st.text("ZX", min_size=1, max_size=9)),
)
TALK = st.lists(TURN, min_size=1, max_size=9).filter(lambda turns: any(turn.role == "assistant" for turn in turns))


@settings(max_examples=60, deadline=None)
@given(TALK)
def test_tool_results_and_user_turns_are_never_trained(dialect: Dialect, turns: list[Message]) -> None:
    """In any conversation: each kind of turn has letters of its own, so the two halves can be told apart."""
    messages = (Message("system", "WQ"), *turns)
    (one,) = example_group(Example(messages), dialect)
    trained = dialect.decode(one.ids_L[one.weight_L > 0].tolist())
    only_read = dialect.decode(one.ids_L[one.weight_L == 0].tolist())
    assert not set("QWZX") & set(trained)
    assert not set("MN") & set(only_read)
    spoken = [turn for turn in messages if turn.role == "assistant"]
    assert trained.count("<|im_end|>") == len(spoken)
    assert sum(trained.count(letter) for letter in "MN") == sum(
        turn.content.count(letter) + 4 * len(turn.tool_calls) * (letter == "M") for turn in spoken for letter in "MN"
    )


@settings(max_examples=30, deadline=None)
@given(TALK, st.integers(0, 9))
def test_of_a_preference_only_the_answers_are_scored(dialect: Dialect, turns: list[Message], cut: int) -> None:
    prompt = (Message("user", "QW"), *turns[:cut])
    group = preference_group(Ranked(prompt, ((GOOD,), (BAD,), (FIRST,)), (1.0, 2.0, 3.0)), dialect)
    assert learned(group, dialect) == ["It left today.<|im_end|>", "No idea.<|im_end|>", "Which one?<|im_end|>"]
