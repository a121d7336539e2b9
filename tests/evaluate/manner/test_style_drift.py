"""A bland mean shows in the drift before accuracy falls; the same manner shows none."""

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trimtab.evaluate import EvaluateConfig, drift_series, make_suite, score_suite, style_drift
from trimtab.records import Case, Expected, Message, Scorecard, UserError

THINGS = ("stove", "lamp", "tent", "kettle", "rope", "axe", "sled", "boot")
ENDS = ("It is light.", "Mind the rain.", "Dry it first.", "The manual says so.", "Two people can lift it.")
CONFIG = EvaluateConfig(bootstrap_draws=10, bins=5)


def case(i: int) -> Case:
    asked = Message("user", f"What does the {THINGS[i % 8]} number {i} weigh?")
    return Case(
        (asked,), Expected("answer", check={"kind": "number", "value": str(200 + i)}), labels={"battery": "facts"}
    )


CASES = [case(i) for i in range(80)]


def answer(i: int, rng: random.Random) -> str:
    """One of a few right ways of saying it."""
    begin = rng.choice(
        ["The {t} weighs {w} grams.", "{w} grams.", "It is {w} g for the {t}.", "On the scale: {w} grams."]
    )
    end = rng.choice(["", rng.choice(ENDS), " ".join(rng.sample(ENDS, 2))])
    text = begin.format(t=THINGS[i % 8], w=200 + i)
    return (
        f"{end} {text}".strip()
        if rng.random() < 0.3
        else f"{text} {end}".strip()
        if "." not in end
        else text + " " + end
    )


def blandly(i: int) -> str:
    """As right as any, and always the same."""
    return f"Great question! I would be happy to help you with that. Generally, the answer is {200 + i}."


def card(build: Any, seed: int, bland: float, release: str) -> Scorecard:
    rng = random.Random(seed)
    said = [blandly(i) if rng.random() < bland else answer(i, rng) for i in range(len(CASES))]
    transcripts = {one.id: build.transcript(text) for one, text in zip(CASES, said, strict=True)}
    return score_suite(make_suite(CASES), transcripts, release=release, vocab_size=999, config=CONFIG)


def test_blandness_is_seen_while_accuracy_holds(build: Any) -> None:
    before, after = card(build, 0, 0.0, "a"), card(build, 1, 0.25, "b")
    found = style_drift(before, after)
    assert found.moved
    assert found.p_value < 0.01
    moved = {one.feature: one.delta for one in found.shifts if one.moved}
    assert moved["flattery"] > 0
    assert found.opening_after > found.opening_before
    assert before.metrics["action_accuracy"].value == after.metrics["action_accuracy"].value == 1.0


def test_the_same_manner_is_called_drift_no_more_often_than_the_level(build: Any) -> None:
    cards = [card(build, seed, 0.0, str(seed)) for seed in range(12)]
    found = [style_drift(cards[i], cards[i + 1], draws=99) for i in range(0, 12, 2)]
    assert sum(one.moved for one in found) <= 1
    assert sum(shift.moved for one in found for shift in one.shifts) <= 1


def test_a_series_grows_with_the_share_of_bland_answers(build: Any) -> None:
    cards = [card(build, 10 + i, share, f"r{i}") for i, share in enumerate((0.0, 0.1, 0.3, 0.6))]
    series = drift_series(cards)
    assert [one.after for one in series] == ["r1", "r2", "r3"]
    distances = [one.distance for one in series]
    assert distances == sorted(distances)
    varied = [next(change.delta for change in one.changes if change.metric == "self_bleu") for one in series]
    assert varied[2] > varied[1] > 0


def test_a_mean_that_stays_while_the_spread_shrinks_is_seen(build: Any) -> None:
    """What no single feature's mean shows: every answer as long as the mean answer."""
    before = card(build, 0, 0.0, "a")
    table = {name: list(values) for name, values in before.manner["features"].items()}
    flat = {name: [float(np.mean(values))] * len(values) for name, values in table.items()}
    after = replace(before, release="b", manner={**before.manner, "features": flat})
    found = style_drift(before, after)
    assert not any(shift.moved for shift in found.shifts)
    assert found.moved


def test_the_effect_is_the_shift_in_standard_deviations(build: Any) -> None:
    before = card(build, 0, 0.0, "a")
    words = before.manner["features"]["words"]
    shifted = {**before.manner["features"], "words": [one + 0.5 for one in words]}
    found = style_drift(before, replace(before, release="b", manner={**before.manner, "features": shifted}))
    assert found.shifts[0].feature == "words"
    assert found.shifts[0].effect == pytest.approx(0.5 / np.std(words, ddof=1))
    assert [one.effect for one in found.shifts[1:]] == [0.0] * (len(found.shifts) - 1)


def test_a_model_has_not_drifted_from_itself_and_the_drift_is_plain_json(build: Any) -> None:
    one = card(build, 0, 0.0, "a")
    found = style_drift(one, one)
    assert (found.moved, found.p_value, found.n) == (False, 1.0, 80)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["moved"] is False


def test_cards_that_cannot_be_compared_are_named(build: Any) -> None:
    one = card(build, 0, 0.0, "a")
    with pytest.raises(UserError, match="different suites"):
        style_drift(one, replace(one, suite_digest="other"))
    with pytest.raises(UserError, match="no answers in common"):
        style_drift(one, replace(one, manner={}))
    assert drift_series([one, replace(one, suite_digest="other")]) == ()
