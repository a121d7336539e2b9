"""What confidence is worth: planted overconfidence is seen by its own metric, and a temperature mends it honestly."""

import math
from typing import Any

import numpy as np
import pytest

from trimtab.evaluate import EvaluateConfig, Transcript, make_suite, score_suite
from trimtab.evaluate.confidence.metrics import calibration, calibrations, diagrams
from trimtab.evaluate.confidence.temperature import Temperature, fit, rescaled
from trimtab.evaluate.metrics import kind_of
from trimtab.evaluate.probes import Confidence
from trimtab.records import UserError
from trimtab.stats import brier, brier_split, ece, expected_ece, null_ece

CONFIG = EvaluateConfig(bootstrap_draws=60, bins=10)


def drawn(n: int, seed: int, heat: float = 1.0, name: str = "c") -> dict[str, Confidence]:
    """Outcomes drawn by honest odds; the confidence said has those odds times ``heat``."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0.8, 1.2, n)
    right = rng.random(n) < 1 / (1 + np.exp(-odds))
    return {f"{name}{i}": Confidence(1 / (1 + math.exp(-heat * odds[i])), bool(right[i])) for i in range(n)}


def alone(sure: dict[str, Confidence]) -> dict[str, str]:
    return {case_id: case_id for case_id in sure}


def test_each_number_is_the_stats_rooms_own() -> None:
    sure = drawn(200, 0, 2.0)
    p, y = [one.confidence for one in sure.values()], [one.correct for one in sure.values()]
    found = {name: metric.value for name, (metric, _) in calibration(sure, alone(sure), CONFIG).items()}
    split = brier_split(p, y, 10)
    assert found == {
        "ece": pytest.approx(ece(p, y, 10)),
        "ece_width": pytest.approx(ece(p, y, 10, equal_mass=False)),
        "brier": pytest.approx(brier(p, y)),
        "brier_reliability": pytest.approx(split.reliability),
        "brier_resolution": pytest.approx(split.resolution),
        "overconfidence": pytest.approx(np.mean(p) - np.mean(y)),
        "expected_ece": pytest.approx(expected_ece(p, 10, draws=2000), abs=0.01),
    }


def test_the_null_is_the_slow_one_and_holds_a_calibrated_model() -> None:
    sure = drawn(150, 1)
    p = [one.confidence for one in sure.values()]
    fast, slow = null_ece(p, 10, 300, seed=4), expected_ece(p, 10, 300, seed=4)
    assert fast.value == pytest.approx(slow)
    within = 0
    for seed in range(40):
        one = drawn(150, seed)
        metrics = calibration(one, alone(one), CONFIG)
        within += metrics["expected_ece"][0].ci_low <= metrics["ece"][0].value <= metrics["expected_ece"][0].ci_high
    assert within >= 34


def test_planted_overconfidence_moves_its_metric_by_about_as_much() -> None:
    honest, bold = drawn(400, 2), drawn(400, 2, 1.0)
    bold = {case_id: Confidence(min(one.confidence + 0.15, 1.0), one.correct) for case_id, one in bold.items()}
    gap = [calibration(one, alone(one), CONFIG)["overconfidence"][0] for one in (honest, bold)]
    assert gap[0].ci_low < 0 < gap[0].ci_high
    assert gap[1].ci_low > 0.05
    assert gap[1].value - gap[0].value == pytest.approx(0.13, abs=0.03)


def test_a_temperature_of_the_development_part_mends_the_sealed_one() -> None:
    development, sealed = drawn(400, 3, 4.0, "d"), drawn(400, 4, 4.0, "s")
    temperature = fit({"sequence": development}, "development")
    assert temperature["sequence"].value == pytest.approx(4.0, rel=0.3)
    found = calibrations({"sequence": sealed}, alone(sealed), CONFIG, temperature)
    assert found["ece_scaled"][0].value < 0.5 * found["ece"][0].value
    assert found["brier_scaled"][0].value < found["brier"][0].value
    shown = diagrams({"sequence": sealed}, CONFIG, temperature)["sequence"]
    assert (shown["temperature"]["suite"], shown["temperature"]["n"]) == ("development", 400)


def test_a_temperature_is_never_judged_on_the_cases_that_gave_it() -> None:
    sure = drawn(50, 5)
    with pytest.raises(UserError, match="50 of the cases gave the temperature"):
        rescaled(sure, fit({"sequence": sure}, "development")["sequence"])


def test_options_are_scaled_all_together_and_the_choice_stays() -> None:
    rng = np.random.default_rng(6)
    sure = {}
    for i in range(300):
        logits = rng.normal(0, 1, 4)
        right = int(rng.choice(4, p=np.exp(logits) / np.exp(logits).sum()))
        bold = tuple(float(one) for one in 3 * logits)
        share = np.exp(bold) / np.exp(bold).sum()
        sure[f"c{i}"] = Confidence(float(share.max()), int(share.argmax()) == right, bold, right)
    temperature = fit({"choice": sure}, "development")["choice"]
    assert temperature.value == pytest.approx(3.0, rel=0.3)
    scaled = rescaled(sure, Temperature(temperature.value, 300, "development"))
    assert all(scaled[name].correct == one.correct and scaled[name].confidence >= 0.25 for name, one in sure.items())


def test_too_few_cases_give_no_temperature() -> None:
    assert fit({"sequence": drawn(19, 7)}, "development") == {}


def test_sources_beside_the_default_have_names_of_their_own() -> None:
    sure = drawn(40, 8)
    found = calibrations({"sequence": sure, "choice": sure}, alone(sure), CONFIG, {})
    assert found["ece"][0].value == found["ece_choice"][0].value
    assert (kind_of("ece_choice").direction, kind_of("overconfidence_p_true").lower) == ("lower", -1.0)
    assert kind_of("multiple_choice").direction == "higher"  # a battery's metric that only ends like a source


def test_the_scorecard_keeps_the_diagram_and_both_metrics(build: Any) -> None:
    cases = [build.case(question=f"{i}") for i in range(40)]
    transcripts: dict[str, Transcript] = {
        case.id: build.transcript("It is probably red.", logprobs=(-0.02 * i,)) for i, case in enumerate(cases)
    }
    config = EvaluateConfig(bootstrap_draws=20, bins=5, confidence=("sequence", "stated"))
    card = score_suite(make_suite(cases), transcripts, release="r", vocab_size=9, config=config)
    assert card.metrics["overconfidence_stated"].value == pytest.approx(-0.25)  # 0.75 said, all right
    bins = card.calibration["sequence"]["bins"]
    assert sum(one["n"] for one in bins) == 40
    assert all(one["low"] <= one["confidence"] <= one["high"] or one["n"] < 3 for one in bins)
