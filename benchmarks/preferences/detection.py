"""How often each planted pathology is found in real pairs, and how often it is claimed where nobody planted it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learn.data import comparisons, rows
from benchmarks.preferences.planting import CARELESS, Panel, by_length, judged, placed, templated
from trimtab.curate.preferences import AnnotatorsConfig, PreferencesConfig, TemplatesConfig
from trimtab.curate.preferences.balance import balancing_weights
from trimtab.curate.preferences.features import differences
from trimtab.curate.preferences.pairs import pair_of, spelled
from trimtab.curate.preferences.position import position_bias
from trimtab.curate.preferences.shortcuts import shortcuts, style_alone
from trimtab.curate.preferences.templates import find_templates
from trimtab.curate.preferences.verdicts import combine
from trimtab.records import Comparison, comparison_from_json
from trimtab.stats import Interval, krippendorff_interval, mean_interval, pair_auc, wilson

SETS = ("hh_harmless", "dpo_mix_demo", "pandalm_testset", "llms_from_scratch_pref")
SAMPLE = 300
"""Pairs drawn for each seed; all of a set that has fewer."""
LONGER_WINS = 0.5
TEMPLATED = 0.05
ALARM_AUC = PreferencesConfig().alarm_auc


def detected(data: Path, seeds: int) -> dict[str, Any]:
    """By pathology and set: the share of seeds in which it was found where planted, and where not."""
    sets = {name: comparisons(data, f"{name}/preference") for name in SETS}
    return {
        "length": {name: _lengths(pairs, seeds) for name, pairs in sets.items()},
        "careless": {name: _careless(pairs, seeds) for name, pairs in sets.items()},
        "templates": {name: _templates(pairs, seeds) for name, pairs in sets.items()},
        "natural": {name: natural(pairs) for name, pairs in sets.items()},
        "pandalm": pandalm(data),
    }


def natural(pairs: Sequence[Comparison]) -> dict[str, Any]:
    """What the sets say of themselves, nothing planted."""
    given = placed(pairs)
    prompts = [spelled(pair.prompt) for pair in pairs]
    found = shortcuts(differences(given), prompts, ALARM_AUC)
    templates = find_templates(given, TemplatesConfig())
    return {
        "pairs": len(pairs),
        "style_alone": found["style_alone"],
        "length_auc": found["features"]["length"]["auc"],
        "alarms": found["alarms"],
        "templates": len(templates),
        "templated_pairs": len({row for template in templates for row in template.rows}),
    }


def pandalm(data: Path) -> dict[str, Any]:
    """Three people's verdicts (first, second, tie) on the raw set: α over all, and each against the two others."""
    table = [[row[f"annotator{k}"] for k in (1, 2, 3)] for row in rows(data, "pandalm_testset/original")]
    prompts = [row["instruction"] for row in rows(data, "pandalm_testset/original")]
    agrees = {
        f"annotator {k + 1}": asdict(
            mean_interval([float(np.mean([row[k] == row[o] for o in range(3) if o != k])) for row in table], prompts)
        )
        for k in range(3)
    }
    return {
        "alpha": asdict(krippendorff_interval(table, clusters=prompts)),
        "agrees_with_others": agrees,
        "first_wins": _first_wins(data),
    }


def _first_wins(data: Path) -> dict[str, Any]:
    """Whether the answer that stood first won more often."""
    pairs = []
    for row in rows(data, "pandalm_testset/preference"):
        order = ["chosen", "rejected"] if row["meta"]["position_of_chosen"] == 1 else ["rejected", "chosen"]
        pairs.append(
            comparison_from_json(
                {key: row[key] for key in ("prompt", "chosen", "rejected")} | {"provenance": {"shown": order}}
            )
        )
    found: dict[str, Any] = position_bias(placed(pairs))["first_wins"]
    return found


def _lengths(pairs: Sequence[Comparison], seeds: int) -> dict[str, Any]:
    """The longer side chosen on half of the pairs, the rest coin flips, against all coin flips."""
    found, cried, before, after, style = [], [], [], [], []
    for seed in range(seeds):
        some = _sample(pairs, seed)
        prompts = [spelled(pair.prompt) for pair in some]
        clean = shortcuts(differences(placed(by_length(some, 0.0, seed))), prompts, ALARM_AUC)
        planted_PF = differences(placed(by_length(some, LONGER_WINS, seed)))
        planted = shortcuts(planted_PF, prompts, ALARM_AUC)
        found.append("length" in planted["alarms"])
        cried.append(bool(clean["alarms"]))
        weight_P = balancing_weights(planted_PF, prompts, PreferencesConfig().clip)
        before.append(planted["features"]["length"]["auc"]["value"])
        after.append(pair_auc(planted_PF[:, 0], prompts, weight_P).value)
        style.append(_value(style_alone(planted_PF, prompts, weight_P)))
    return {
        "found": _rate(found),
        "cried_wolf": _rate(cried),
        "auc_planted": asdict(mean_interval(before)),
        "auc_reweighted": asdict(mean_interval(after)),
        "style_alone_reweighted": asdict(mean_interval(style)),
    }


def _careless(pairs: Sequence[Comparison], seeds: int) -> dict[str, Any]:
    """One of five flips coins, against five who are all honest; and whether combining makes verdicts truer."""
    exactly, cried, gain = [], [], []
    for seed in range(seeds):
        some = _sample(pairs, seed)
        truth = {(spelled(pair.prompt), spelled(pair.chosen), spelled(pair.rejected)) for pair in some}
        raw = placed(judged(some, Panel(), seed))
        combined = combine(raw, AnnotatorsConfig())
        exactly.append(combined.findings["careless"] == [CARELESS])
        cried.append(
            bool(combine(placed(judged(some, Panel(careless=False), seed)), AnnotatorsConfig()).findings["careless"])
        )
        majority = combine(raw, AnnotatorsConfig(combine="majority"))
        gain.append(_true(combined.pairs, truth) - _true(majority.pairs, truth))
    return {"found": _rate(exactly), "cried_wolf": _rate(cried), "truer_than_majority": asdict(mean_interval(gain))}


def _true(pairs: Sequence[Any], truth: set[tuple[str, str, str]]) -> float:
    right = [
        (spelled(pair.prompt), spelled(pair.chosen), spelled(pair.rejected)) in truth for pair in map(pair_of, pairs)
    ]
    return float(np.mean(right))


def _templates(pairs: Sequence[Comparison], seeds: int) -> dict[str, Any]:
    """5 % of the rejected sides put by one template: how many of those pairs are named, and how many others."""
    recall, named, clean = [], 0, []
    others = 0
    for seed in range(seeds):
        some = _sample(pairs, seed)
        spoiled = templated(some, TEMPLATED, seed)
        planted = {at for at, (a, b) in enumerate(zip(some, spoiled, strict=True)) if a != b}
        before = _named(some)
        found = _named(spoiled)
        recall.append(len(found & planted) / len(planted))
        named += len(found - planted)
        others += len(some) - len(planted)
        clean.append(bool(before))
    return {
        "recall": asdict(mean_interval(recall, lower=0.0, upper=1.0)),
        "all_found": _rate([one == 1 for one in recall]),
        "other_pairs_named": asdict(wilson(named, others)),
        "sets_with_templates_of_their_own": _rate(clean),
    }


def _named(pairs: Sequence[Comparison]) -> set[int]:
    return {row for template in find_templates(placed(pairs), TemplatesConfig()) for row in template.rows}


def _sample(pairs: Sequence[Comparison], seed: int) -> list[Comparison]:
    order = np.random.default_rng(seed).permutation(len(pairs))[:SAMPLE]
    return [pairs[at] for at in order]


def _value(found: Interval | None) -> float:
    assert found is not None
    return found.value


def _rate(outcomes: Sequence[bool]) -> dict[str, Any]:
    return asdict(wilson(sum(outcomes), len(outcomes)))
