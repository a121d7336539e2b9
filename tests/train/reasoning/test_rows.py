"""Each turn is taught its own reasoning once, and sees the turns before it as serving shows them."""

from pathlib import Path

import numpy as np
import pytest

from trimtab.model import Dialect
from trimtab.records import Example, Message
from trimtab.train.forest.batch import Group
from trimtab.train.forest.plant import pack
from trimtab.train.reasoning.rows import reasoned_group, stripped
from trimtab.train.rows import example_group

CHAT = Example(
    (
        Message("system", "Count for the shop and answer briefly, whatever is asked."),
        Message("user", "Two and three?"),
        Message("assistant", "Five.", reasoning="2 + 3"),
        Message("user", "Thanks"),
        Message("assistant", "You are welcome."),
        Message("user", "Twice that?"),
        Message("assistant", "Ten.", reasoning="5 * 2"),
    )
)


@pytest.fixture(scope="module")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def taught(group: Group, dialect: Dialect) -> list[str]:
    return [dialect.decode(sequence.ids_L[sequence.weight_L > 0].tolist()) for sequence in group]


def test_every_turn_is_taught_once_with_its_own_reasoning(dialect: Dialect) -> None:
    assert taught(reasoned_group(CHAT, dialect), dialect) == [
        "You are welcome.<|im_end|>",
        "<think>\n2 + 3\n</think>\n\nFive.<|im_end|>",
        "<think>\n5 * 2\n</think>\n\nTen.<|im_end|>",
    ]


def test_reasoning_of_earlier_turns_is_not_read(dialect: Dialect) -> None:
    last = dialect.decode(reasoned_group(CHAT, dialect)[-1].ids_L.tolist())
    assert "Five." in last
    assert "2 + 3" not in last


def test_the_common_beginning_is_computed_once(dialect: Dialect) -> None:
    group = reasoned_group(CHAT, dialect)
    (batch,) = pack([group], 10_000, 1.0)
    longest = max(len(sequence.ids_L) for sequence in group)
    assert batch.real_tokens > 2 * longest
    assert batch.processed_tokens < 1.8 * longest


def test_a_row_without_reasoning_is_the_plain_row(dialect: Dialect) -> None:
    (kept,), (plain,) = reasoned_group(stripped(CHAT), dialect), example_group(CHAT, dialect)
    assert np.array_equal(kept.ids_L, plain.ids_L)
    assert np.array_equal(kept.weight_L, plain.weight_L)


def test_stripping_changes_nothing_but_the_reasoning(dialect: Dialect) -> None:
    assert taught(example_group(CHAT, dialect), dialect) == ["Five.<|im_end|>You are welcome.<|im_end|>Ten.<|im_end|>"]
    assert all(turn.reasoning is None for turn in stripped(CHAT).messages)


def test_the_rows_weight_is_that_of_every_turn(dialect: Dialect) -> None:
    heavy = Example(CHAT.messages, labels={"weight": 2.5})
    for sequence in reasoned_group(heavy, dialect):
        assert set(sequence.weight_L.tolist()) == {0.0, 2.5}
        assert sequence.importance == 2.5


def test_sequences_have_names_of_their_own(dialect: Dialect) -> None:
    names = [sequence.example_id for sequence in reasoned_group(CHAT, dialect)]
    assert len(set(names)) == len(names)
