"""Rows become tokens through the dialect: the assistant's turns are learned, everything else is only read."""

from pathlib import Path

import pytest

from trimtab.model import Dialect
from trimtab.records import Comparison, Example, Message, UserError
from trimtab.train.config import TrainConfig
from trimtab.train.rows import comparison_group, example_group, groups_of

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
