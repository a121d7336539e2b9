"""The preference benchmark plants what it says it plants, and its figures are those of its documents."""

from typing import Any

import numpy as np
import pytest
from benchmarks.preferences.__main__ import brief, figures
from benchmarks.preferences.page import page
from benchmarks.preferences.planting import CARELESS, HONEST, Panel, by_length, judged, templated
from benchmarks.preferences.runs import ARMS, compared, true_share
from tests.curate.preferences.builders import pair

from trimtab.records import Comparison

PAIRS = [pair(f"good {'so ' * (i % 5)}{i}", f"bad {'so ' * ((i + 2) % 5)}{i}", f"the question {i}") for i in range(400)]


def right(rows: list[Comparison], who: str = "") -> float:
    return float(
        np.mean([row.chosen[0].content.startswith("good") for row in rows if not who or who in row.annotators])
    )


def test_a_panel_judges_each_pair_so_often_and_errs_as_it_says() -> None:
    rows = judged(PAIRS, Panel(each=3, slip=0.1), 0)
    assert len(rows) == 1200
    assert right(rows, CARELESS) == pytest.approx(0.5, abs=0.1)
    assert all(right(rows, name) == pytest.approx(0.9, abs=0.06) for name in HONEST)
    assert right(judged(PAIRS, Panel(careless=False, slip=0.1), 0), CARELESS) == pytest.approx(0.9, abs=0.06)


def test_a_busy_careless_annotator_judges_every_pair_and_lazy_ones_take_the_longer() -> None:
    rows = judged(PAIRS, Panel(busy=True, lazy=1.0), 0)
    assert sum(CARELESS in row.annotators for row in rows) == len(PAIRS)
    for row in rows:
        chosen, rejected = (len(side[0].content.split()) for side in (row.chosen, row.rejected))
        assert CARELESS in row.annotators or chosen >= rejected


def test_templates_and_length_are_planted_on_their_share() -> None:
    spoilt = [one for one, other in zip(templated(PAIRS, 0.05, 0), PAIRS, strict=True) if one != other]
    assert len(spoilt) == 20
    assert {one.rejected[0].content.split()[0] for one in spoilt} == {"Thank"}
    assert {one.chosen[0].content.split()[0] for one in templated(PAIRS, 0.05, 0, side="chosen")} == {"good", "Thank"}
    assert right(by_length(PAIRS, 0.0, 1)) == pytest.approx(0.5, abs=0.08)
    always = by_length(PAIRS, 1.0, 1)
    assert all(len(one.chosen[0].content.split()) >= len(one.rejected[0].content.split()) for one in always)


def documents(gain: float) -> list[dict[str, Any]]:
    draw = np.random.default_rng(0)
    arms = {"raw": 0.0, "cleaned": gain, "truth": 2 * gain}
    run = {"rows": 1, "epochs": 1, "steps": 1, "seconds": 1.0}
    return [
        {"seed": seed, "drops": {}, "raw_right": 0.5, "cleaned_right": 0.75}
        | {arm: {**run, "margins": draw.normal(arms[arm], 1, 100).tolist()} for arm in ARMS}
        for seed in range(4)
    ]


def test_a_gain_is_seen_and_none_is_claimed_where_there_is_none() -> None:
    gained, idle = (compared(documents(gain), draws=200)["accuracy"]["cleaned_minus_raw"] for gain in (1.0, 0.0))
    assert min(gained["over_pairs"]["low"], gained["over_seeds"]["low"]) > 0
    assert idle["over_pairs"]["low"] < 0 < idle["over_pairs"]["high"]
    assert len(gained["by_seed"]) == 4


def test_the_page_and_the_figures_are_made_of_the_documents() -> None:
    machine = {"cpu": "a processor", "cores": 2, "date": "2026-01-01"}
    runs = {"compared": compared(documents(1.0), draws=50), "documents": [brief(one) for one in documents(1.0)]}
    text = page({"machine": machine, "runs": runs})
    assert "| cleaned | 1 | 1 | " in text
    assert "50 % / 75 %" in text
    assert figures({"runs": runs})["accuracy_cleaned_minus_raw_low"] > 0


def test_the_share_of_true_verdicts_is_counted() -> None:
    turned = pair("bad 1", "good so 1", "the question 1")
    assert true_share([PAIRS[0], turned], PAIRS) == 0.5
