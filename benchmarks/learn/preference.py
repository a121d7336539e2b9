"""DPO on polite against impolite rewrites: held-out margin accuracy rises while KL to π0 stays under its gate."""

import random
from dataclasses import replace
from pathlib import Path

from benchmarks.learn.data import comparisons
from benchmarks.learn.measure import Prompt, answers, kl, pair_logprobs
from benchmarks.learn.result import Panel, Place, Point, Result, apart
from trimtab.records import Comparison
from trimtab.stats import Interval, wilson
from trimtab.train import PreferenceConfig, train_dpo

SIZES = (0, 60, 180)
HELD_OUT, PROBES = 200, 32
GATE = 0.1
"""Nats a token."""
CONFIG = PreferenceConfig(learning_rate=5e-6, rows_per_step=8, token_budget=2048, max_tokens=1024, bad_rows="drop")


def run(place: Place) -> Result:
    """Margin accuracy and KL after 0 to 180 pairs."""
    train, test = split(place.data)
    accuracy, drift = [], []
    for size in SIZES:
        folder = preferred(place, "dpo", train[:size], CONFIG)
        accuracy.append(Point.of(size, margin_accuracy(folder, place.model, test)))
        drift.append(Point.of(size, drift_of(folder, place.model, test)) if size else Point(0, 0.0, 0.0, 0.0, PROBES))
    held = apart(accuracy[0], accuracy[-1]) and accuracy[-1].value > 0.5 and drift[-1].high < GATE
    panels = (
        Panel("Held-out margin accuracy", "pairs", "share of pairs", {"DPO": tuple(accuracy)}),
        Panel("Drift", "pairs", "KL to π0, nats a token", {"DPO": tuple(drift)}, GATE),
    )
    return Result("DPO raises held-out margin accuracy while KL to π0 stays under its gate", held, panels)


def coin_flips(place: Place) -> Result:
    """The same pairs with every label decided by a coin, under the published loss and under the unanchored one."""
    train, test = split(place.data)
    flips = random.Random(0)
    tossed = [flipped(pair) if flips.random() < 0.5 else pair for pair in train[:180]]
    unscaled = CONFIG.model_copy(update={"loss": "sigmoid_unscaled_reference"})
    runs = {
        "true labels": preferred(place, "dpo", train[:180], CONFIG),
        "coin flips": preferred(place, "coin", tossed, CONFIG),
        "coin flips, unscaled reference": preferred(place, "unscaled", tossed, unscaled),
    }
    drift = {name: drift_of(folder, place.model, test) for name, folder in runs.items()}
    series = {name: (Point.of(place, value),) for place, (name, value) in enumerate(drift.items())}
    held = drift["coin flips"].high < drift["true labels"].low < drift["coin flips, unscaled reference"].low
    accuracy = margin_accuracy(runs["coin flips"], place.model, test)
    figures = {"coin_flip_margin_accuracy": [accuracy.value, accuracy.low, accuracy.high]}
    panel = Panel("Drift on 180 pairs", "run", "KL to π0, nats a token", series)
    return Result("On coin-flip labels DPO stays at π0; the unscaled variant does not", held, (panel,), figures)


def split(data: Path) -> tuple[list[Comparison], list[Comparison]]:
    """Training and held-out pairs, no prompt on both sides."""
    pairs = comparisons(data, "llms_from_scratch_pref/preference")
    test = pairs[:HELD_OUT]
    known = {pair.prompt for pair in test}
    return [pair for pair in pairs[HELD_OUT:] if pair.prompt not in known], test


def preferred(place: Place, name: str, pairs: list[Comparison], config: PreferenceConfig) -> Path:
    """π0 after the preference step on ``pairs``."""
    if not pairs:
        return place.model
    folder = place.work / f"{name}-{len(pairs)}"
    train_dpo(place.model, pairs, config, work=folder / "work", out=folder / "model")
    return folder / "model"


def margin_accuracy(policy: Path, base: Path, pairs: list[Comparison]) -> Interval:
    """Share of pairs whose log-ratio to π0 rose more on the chosen side; a tie, as at π0 itself, counts half."""
    now, then = pair_logprobs(policy, pairs), pair_logprobs(base, pairs)
    margins = [(a - b) - (c - d) for (a, b), (c, d) in zip(now, then, strict=True)]
    wins = sum(margin > 0 for margin in margins) + sum(margin == 0 for margin in margins) / 2
    return wilson(round(wins), len(pairs))


def drift_of(policy: Path, base: Path, pairs: list[Comparison]) -> Interval:
    """KL to π0 on the policy's own answers to held-out prompts."""
    prompts: list[Prompt] = [(pair.prompt, pair.tools) for pair in pairs[:PROBES]]
    return kl(policy, base, prompts, answers(policy, prompts, max_tokens=48))


def flipped(pair: Comparison) -> Comparison:
    return replace(pair, chosen=pair.rejected, rejected=pair.chosen)
