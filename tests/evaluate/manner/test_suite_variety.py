"""Variety over a suite: the same cases whatever else is asked, intervals that hold, and a bounded cost."""

import random
from typing import Any

import numpy as np
import pytest

from trimtab.evaluate import EvaluateConfig
from trimtab.evaluate.manner import variety
from trimtab.stats import distinct, ngram_kernel, self_bleu, vendi
from trimtab.text import words

WORDS = [f"w{i}" for i in range(3000)]


def answers(n: int, seed: int, bland: float = 0.0) -> dict[str, str]:
    rng = random.Random(seed)
    made = {f"c{i}": " ".join(rng.choices(WORDS, k=rng.randint(6, 20))) for i in range(n)}
    return {
        name: "I am happy to help you with that today." if rng.random() < bland else text for name, text in made.items()
    }


def alone(said: dict[str, str]) -> dict[str, str]:
    return {name: name for name in said}


def test_each_value_is_the_stats_rooms_own_with_its_interval_around_it() -> None:
    said = answers(40, 0)
    found = variety(said, alone(said), EvaluateConfig())
    texts = [words(said[name]) for name in sorted(said)]
    plain = {
        "distinct_1": distinct(texts),
        "distinct_2": distinct(texts, 2),
        "self_bleu": self_bleu(texts),
        "vendi": vendi(ngram_kernel(texts)),
    }
    assert {name: found[name][0].value for name in plain} == pytest.approx(plain)
    assert all(metric.ci_low <= metric.value <= metric.ci_high for metric, _ in found.values())
    assert all(metric.n == 40 for metric, _ in found.values())
    assert {name for name, (_, parts) in found.items() if len(parts) != 40} == {"vendi"}


def test_a_bland_model_is_seen_by_each() -> None:
    varied, bland = (answers(60, 1, bland=share) for share in (0.0, 0.6))
    before, after = (variety(said, alone(said), EvaluateConfig()) for said in (varied, bland))
    for name, falls in (("distinct_1", True), ("distinct_2", True), ("vendi", True), ("self_bleu", False)):
        old, new = before[name][0], after[name][0]
        assert new.ci_high < old.ci_low if falls else new.ci_low > old.ci_high, name
    assert after["opening_share"][0].ci_low > 0.4 > before["opening_share"][0].ci_high


def test_the_intervals_are_those_of_fresh_suites() -> None:
    """The spread that the jackknife gives is the spread of the metric over suites drawn anew."""
    drawn = [variety(one, alone(one), EvaluateConfig()) for one in (answers(40, seed, 0.3) for seed in range(40))]
    for name in ("self_bleu", "vendi", "distinct_1"):
        true = float(np.std([one[name][0].value for one in drawn], ddof=1))
        said = float(np.mean([(one[name][0].ci_high - one[name][0].ci_low) / (2 * 2.05) for one in drawn]))
        assert 0.6 < said / true < 1.7, name


def test_the_cap_draws_the_same_cases_for_every_release() -> None:
    config = EvaluateConfig(variety_answers=10)
    one, other = (variety(said, alone(said), config) for said in (answers(50, 2), answers(50, 3)))
    assert one["self_bleu"][1].keys() == other["self_bleu"][1].keys()
    assert len(one["self_bleu"][1]) == 10
    assert variety(answers(50, 2), alone(answers(50, 2)), EvaluateConfig(variety_answers=10, seed=1))["vendi"][
        1
    ].keys() != (one["self_bleu"][1].keys())


def test_meanings_are_compared_where_a_model_embeds_them() -> None:
    said = answers(20, 4)

    def embed(texts: Any) -> Any:
        vectors = np.zeros((len(texts), 4), np.float32)
        vectors[np.arange(len(texts)), np.arange(len(texts)) % 4] = 1.0
        return vectors

    found = variety(said, alone(said), EvaluateConfig(), embed)
    assert found["vendi_meaning"][0].value == pytest.approx(4.0)
    assert found["vendi_meaning"][0].n == 20


def test_two_answers_show_no_variety() -> None:
    assert variety(answers(2, 5), alone(answers(2, 5)), EvaluateConfig()) == {}
