"""Shortcuts: how well each feature of style alone, and all together, tell which answer was chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trimtab.curate.hashing import uniform
from trimtab.curate.preferences.features import FEATURES, Floats
from trimtab.stats import Interval, best_threshold, held_out_logits, mean_interval, pair_auc, wilson

_FOLDS = 5
_RIDGE = 1.0
_LEAST = 10
"""Pairs below which nothing is fitted."""
_LEVEL_MARGIN = 0.05


def shortcuts(
    difference_PF: Floats, prompts: Sequence[str], alarm_auc: float, weight_P: Floats | None = None
) -> dict[str, Any]:
    """Each feature's AUC (clustered by prompt), best threshold, and how often the side that has more of it wins.

    ``alarm``: the AUC's interval lies beyond ``alarm_auc`` on either side of 0.5. ``style_alone``: held-out accuracy
    by prompt of a logistic model of all features; ``alarms`` names all that sounded. With weights the AUC and the
    accuracy are weighted; thresholds and counts are of the pairs as they are.
    """
    features = {
        name: _feature(difference_PF[:, number], prompts, alarm_auc, weight_P)
        for number, name in enumerate(FEATURES)
        if difference_PF[:, number].any()
    }
    alone = style_alone(difference_PF, prompts, weight_P)
    alarms = [name for name, found in features.items() if found["alarm"]]
    if alone is not None and alone.low > 0.5 + _LEVEL_MARGIN:
        alarms.append("style_alone")
    return {
        "features": features,
        **({"style_alone": _json(alone)} if alone is not None else {}),
        "alarms": alarms,
    }


def style_alone(difference_PF: Floats, prompts: Sequence[str], weight_P: Floats | None = None) -> Interval | None:
    """Held-out accuracy of style alone, prompts never on both sides of the cut; a tie is half right."""
    if len(difference_PF) < _LEAST:
        return None
    logit_P = style_logits(difference_PF, prompts)
    right_P = (np.sign(logit_P) + 1) / 2
    if weight_P is None:
        return mean_interval(right_P, prompts, lower=0.0, upper=1.0)
    relative_P = weight_P / weight_P.mean()
    mean = float((relative_P * right_P).mean())
    pseudo_P = mean + relative_P * (right_P - mean)
    found = mean_interval(pseudo_P, prompts, lower=0.0, upper=1.0)
    return Interval(mean, found.n, min(found.low, mean), max(found.high, mean))


def style_logits(difference_PF: Floats, prompts: Sequence[str]) -> Floats:
    """[P] held-out log-odds that the chosen side is chosen, by style alone; folds by the prompt's hash."""
    fold_P = np.array([int(uniform("fold", prompt) * _FOLDS) for prompt in prompts], dtype=np.intp)
    return held_out_logits(_scaled(difference_PF), fold_P, _RIDGE)


def _scaled(difference_PF: Floats) -> Floats:
    """[P, 2F] Each feature by its root mean square, and which side has more: exchanged sides turn every sign."""
    size_F = np.sqrt((difference_PF**2).mean(0))
    scaled_PF = difference_PF / np.where(size_F > 0, size_F, 1.0)
    return np.hstack([scaled_PF, np.sign(difference_PF)])


def _feature(difference_P: Floats, prompts: Sequence[str], alarm_auc: float, weight_P: Floats | None) -> dict[str, Any]:
    auc, best = pair_auc(difference_P, prompts, weight_P), best_threshold(difference_P)
    differing = difference_P[difference_P != 0]
    more = wilson(int((differing > 0).sum()), len(differing))
    return {
        "auc": _json(auc),
        "best_accuracy": best.accuracy,
        "more_wins": _json(more),
        "alarm": auc.low > alarm_auc or auc.high < 1 - alarm_auc,
    }


def _json(found: Interval) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
