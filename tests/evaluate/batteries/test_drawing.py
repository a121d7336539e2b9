"""A battery's draws are the same for the same seed, each once, and a longer list begins with the shorter."""

from random import Random

import pytest

from trimtab.evaluate.batteries.drawing import draw_distinct
from trimtab.records import UserError


def big(rng: Random, level: int) -> str:
    return f"big {level} {rng.randint(0, 10**6)}"


def odd(rng: Random, level: int) -> str | None:
    value = rng.randint(0, 99)
    return f"odd {value}" if value % 2 else None


def test_the_same_seed_gives_the_same_and_another_seed_others() -> None:
    once = draw_distinct("x", [big, odd], 20, 3, str)
    assert once == draw_distinct("x", [big, odd], 20, 3, str)
    assert not {one for _, one in once} & {one for _, one in draw_distinct("x", [big], 20, 4, str)}
    assert draw_distinct("x", [big, odd], 9, 3, str) == once[:9]


def test_kinds_and_difficulties_take_turns() -> None:
    drawn = draw_distinct("x", [big, odd], 12, 0, str)
    assert [one.split()[0] for _, one in drawn] == ["big", "odd"] * 6
    assert [level for level, _ in drawn] == [0, 0, 1, 1, 2, 2] * 2


def test_each_comes_once_until_there_are_no_more() -> None:
    drawn = draw_distinct("x", [odd], 40, 0, str)
    assert len({one for _, one in drawn}) == 40
    with pytest.raises(UserError, match="no 51 distinct cases"):
        draw_distinct("x", [odd], 51, 0, str)
