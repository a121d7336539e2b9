"""DPO on raw verdicts against DPO on what the preference stage made of them, judged on held-out pairs."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learn.data import comparisons
from benchmarks.learn.measure import pair_logprobs
from benchmarks.preferences.planting import HONEST, Panel, judged, placed, templated
from trimtab.curate.preferences import AnnotatorsConfig, PreferencesConfig, TemplatesConfig, preference_stage
from trimtab.records import Comparison
from trimtab.stats import Interval, bootstrap_interval, mean_interval
from trimtab.train import PreferenceConfig, train_dpo

SET = "llms_from_scratch_pref/preference"
HELD_OUT, PAIRS = 200, 80
PANEL = Panel(each=3, slip=0.1, busy=True, lazy=0.35)
TEMPLATED = 0.05
FIRST_SEED = 10
"""The seeds below were tried while the stage was being built."""
TRAINING = PreferenceConfig(learning_rate=5e-6, rows_per_step=8, token_budget=2048, max_tokens=512, bad_rows="drop")
CLEANING = PreferencesConfig(
    annotators=AnnotatorsConfig(max_share=0.25),
    templates=TemplatesConfig(action="cap"),
    balance="reweight",
)
BETA = TRAINING.beta
ARMS = ("raw", "cleaned", "truth")
"""Every verdict as it came; what the stage made of them; and the same pairs with the verdicts that are true."""


def planted(train: Sequence[Comparison], seed: int) -> list[Comparison]:
    """The raw rows: every verdict of the panel, and 5 % pairs whose chosen side is a template, in an order by seed."""
    pairs = _drawn(train, seed)
    rows = judged(pairs[:PAIRS], PANEL, seed)
    spoiled = templated(pairs[PAIRS:], 1.0, seed, side="chosen")
    signed = [Comparison(p.prompt, p.chosen, p.rejected, annotators=(HONEST[0],)) for p in _against(spoiled, pairs)]
    return rows + signed


def _drawn(train: Sequence[Comparison], seed: int) -> list[Comparison]:
    """Pairs to judge, and after them those that the templates spoil."""
    order = np.random.default_rng(seed).permutation(len(train))
    return [train[at] for at in order[: PAIRS + round(PAIRS * PANEL.each * TEMPLATED)]]


def _against(spoiled: Sequence[Comparison], pairs: Sequence[Comparison]) -> list[Comparison]:
    """The template is preferred to what was the good answer."""
    return [Comparison(bad.prompt, bad.chosen, good.chosen) for bad, good in zip(spoiled, pairs[PAIRS:], strict=True)]


def cleaned(raw: Sequence[Comparison]) -> tuple[list[Comparison], dict[str, Any]]:
    staged = preference_stage(placed(raw), CLEANING)
    rows = [one.row for one in staged.rows if isinstance(one.row, Comparison)]
    reasons: dict[str, int] = {}
    for drop in staged.drops:
        reasons[drop.reason] = reasons.get(drop.reason, 0) + 1
    return rows, {"drops": reasons, "findings": dict(staged.findings)}


def true_share(rows: Sequence[Comparison], truth: Sequence[Comparison]) -> float:
    """Share of the rows whose chosen side is the pairs' own."""
    good = {(pair.prompt, pair.chosen) for pair in truth}
    return float(np.mean([(row.prompt, row.chosen) in good for row in rows]))


def margins(policy: Path, base: Sequence[tuple[float, float]], test: Sequence[Comparison]) -> list[float]:
    """β [(log-ratio of chosen) − (log-ratio of rejected)] of each held-out pair."""
    now = pair_logprobs(policy, test)
    return [BETA * ((a - b) - (c - d)) for (a, b), (c, d) in zip(now, base, strict=True)]


def run(data: Path, model: Path, work: Path, seeds: int) -> list[dict[str, Any]]:
    """One document a seed; those on disk from an earlier call are not computed again."""
    pairs = comparisons(data, SET)
    test = pairs[:HELD_OUT]
    known = {pair.prompt for pair in test}
    train = [pair for pair in pairs[HELD_OUT:] if pair.prompt not in known]
    base: list[tuple[float, float]] = []
    found = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        kept = work / f"seed-{seed}.json"
        if not kept.is_file():
            base = base or pair_logprobs(model, test)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(_one(model, train, test, base, work / f"seed-{seed}", seed)), encoding="utf-8")
        found.append(json.loads(kept.read_text(encoding="utf-8")))
    return found


def _one(
    model: Path,
    train: Sequence[Comparison],
    test: Sequence[Comparison],
    base: Sequence[tuple[float, float]],
    work: Path,
    seed: int,
) -> dict[str, Any]:
    raw = planted(train, seed)
    clean, report = cleaned(raw)
    epochs = max(round(len(raw) / len(clean)), 1)
    truth = _drawn(train, seed)
    document: dict[str, Any] = {"seed": seed, "raw_rows": len(raw), "clean_rows": len(clean), **report}
    document |= {"raw_right": true_share(raw, truth), "cleaned_right": true_share(clean, truth)}
    for name, rows, passes in (("raw", raw, 1), ("cleaned", clean, epochs), ("truth", truth[:PAIRS], epochs)):
        config = TRAINING.model_copy(update={"epochs": passes, "seed": seed})
        folder = work / name
        done = train_dpo(model, rows, config, work=folder / "work", out=folder / "model")
        document[name] = {
            "rows": len(rows),
            "epochs": passes,
            "steps": done.steps,
            "seconds": done.seconds,
            "margins": margins(folder / "model", base, test),
        }
        shutil.rmtree(folder)  # a model and its checkpoint are gigabytes, and only the margins are asked for
    return document


def compared(documents: Sequence[dict[str, Any]], draws: int = 4000) -> dict[str, Any]:
    """Held-out accuracy and −log σ(margin) of each arm, and their paired differences.

    ``over_pairs``: the bootstrap over held-out pairs, each pair's score its mean over these runs. ``over_seeds``: the
    t interval over the runs, each with its own draw of pairs, verdicts and order.
    """
    margin = {arm: np.array([document[arm]["margins"] for document in documents]) for arm in ARMS}
    result: dict[str, Any] = {"seeds": len(documents), "held_out_pairs": margin["raw"].shape[1]}
    for name, measure in (("accuracy", _right), ("loss", _loss)):
        score = {arm: measure(margin[arm]) for arm in ARMS}
        result[name] = {arm: asdict(_mean(score[arm].mean(0), draws)) for arm in ARMS}
        for arm, base in (("cleaned", "raw"), ("truth", "cleaned")):
            gap = score[arm] - score[base]
            result[name][f"{arm}_minus_{base}"] = {
                "over_pairs": asdict(_mean(gap.mean(0), draws)),
                "over_seeds": asdict(mean_interval(gap.mean(1))),
                "by_seed": [float(x) for x in gap.mean(1)],
            }
    return result


def _right(margin: Any) -> Any:
    return (np.sign(margin) + 1) / 2


def _loss(margin: Any) -> Any:
    return np.logaddexp(0.0, -margin)


def _mean(values: Any, draws: int) -> Interval:
    return bootstrap_interval(values, lambda x: float(np.mean(x)), draws=draws)
