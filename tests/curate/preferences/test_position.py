"""Position bias is measured where provenance says what was shown first, and nowhere else."""

import random

from tests.curate.preferences.builders import pair, placed

from trimtab.curate.place import Placed
from trimtab.curate.preferences.position import position_bias


def shown(count: int, first_wins: float, seed: int) -> list[Placed]:
    draw = random.Random(seed)
    orders = [["chosen", "rejected"] if draw.random() < first_wins else ["rejected", "chosen"] for _ in range(count)]
    return placed(*(pair("a", "b", f"q{i}", ["x"], provenance={"shown": order}) for i, order in enumerate(orders)))


def test_a_taste_for_the_first_is_found_with_its_interval() -> None:
    found = position_bias(shown(300, 0.65, 0))
    assert found["first_wins"]["low"] < 0.65 < found["first_wins"]["high"]
    assert found["alarm"]
    assert found["annotators"]["x"]["n"] == 300


def test_fair_order_sounds_no_alarm_but_for_one_in_twenty() -> None:
    assert sum(position_bias(shown(100, 0.5, seed))["alarm"] for seed in range(100)) <= 11


def test_rows_that_do_not_say_are_left_out() -> None:
    assert position_bias(placed(pair("a", "b"), pair("a", "c", provenance={"shown": "first"}))) == {}
