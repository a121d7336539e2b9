"""How unlike one another a suite's answers are: distinct n-grams, self-BLEU, Vendi, the commonest opening."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.evaluate.config import EvaluateConfig
from trimtab.evaluate.manner.features import opening
from trimtab.evaluate.metrics import kind_of, mean_metric, metric_of
from trimtab.evaluate.whole import Found
from trimtab.records import Metric
from trimtab.stats import (
    Interval,
    distinct,
    distinct_contributions,
    mean_interval,
    ngram_kernel,
    self_bleu,
    self_bleu_contributions,
    vendi,
    vendi_contributions,
)
from trimtab.stats.calibration import Floats
from trimtab.text import words

Embed = Callable[[Sequence[str]], npt.NDArray[Any]]
"""Texts -> [texts, dimensions], rows of length one."""


def variety(
    answers: Mapping[str, str], clusters: Mapping[str, str], config: EvaluateConfig, embed: Embed | None = None
) -> Found:
    """``distinct_1``, ``distinct_2``, ``self_bleu``, ``vendi`` (n-gram kernel), ``vendi_meaning`` (where ``embed``
    is given) and ``opening_share``, over at most ``variety_answers`` answers.

    Which those are hangs on their cases' ids and the seed alone, so releases are compared on the same cases. Each but
    the last has its interval from its jackknife's pseudo-values, which are its parts; Vendi has none, because paired
    differences of its parts called two equal models apart too often. All fall or rise with length, so read them beside
    ``tokens_per_answer``, and Vendi beside its n.
    """
    kept = {case_id: said for case_id in _drawn(answers, config) if (said := words(answers[case_id]))}
    if len(kept) < 3:
        return {}
    texts, of = list(kept.values()), [clusters[case_id] for case_id in kept]
    kernels = {"vendi": ngram_kernel(texts)}
    if embed is not None:
        kernels["vendi_meaning"] = _cosines(embed([answers[case_id] for case_id in kept]))
    parts: dict[str, tuple[float, Floats]] = {"distinct_1": (distinct(texts), distinct_contributions(texts))}
    if any(len(text) > 1 for text in texts):
        parts["distinct_2"] = distinct(texts, 2), distinct_contributions(texts, 2)
    parts["self_bleu"] = self_bleu(texts), self_bleu_contributions(texts)
    found: Found = {}
    for name, (value, pseudo) in parts.items():
        found |= _with_interval(name, value, pseudo, mean_interval(pseudo, of, config.level), kept)
    for name, kernel in kernels.items():
        pseudo = vendi_contributions(kernel)
        made = _with_interval(name, vendi(kernel), pseudo, mean_interval(pseudo, of, config.level), kept)
        found |= {one: (metric, {}) for one, (metric, _) in made.items()}  # pairs of parts were measured to mislead
    return found | _commonest(kept, answers, clusters, config.level)


def _with_interval(name: str, value: float, pseudo: Floats, spread: Interval, kept: Mapping[str, object]) -> Found:
    half, kind = spread.high - spread.value, kind_of(name)
    low, high = max(value - half, kind.lower or 0.0), value + half
    metric = metric_of(name, Interval(value, len(pseudo), low, high if kind.upper is None else min(high, kind.upper)))
    return {name: (metric, dict(zip(kept, pseudo.tolist(), strict=True)))} if metric else {}


def _commonest(
    kept: Mapping[str, object], answers: Mapping[str, str], clusters: Mapping[str, str], level: float
) -> dict[str, tuple[Metric, dict[str, float]]]:
    """Share of the answers that open as most do: towards 1 where a model knows one way to begin."""
    keys = {case_id: opening(answers[case_id]) for case_id in kept}
    most = max(Counter(keys.values()).items(), key=lambda item: (item[1], item[0]))[0]
    scores = {case_id: float(key == most) for case_id, key in keys.items()}
    metric = mean_metric("opening_share", scores, clusters, level)
    return {"opening_share": (metric, scores)} if metric else {}


def _drawn(answers: Mapping[str, str], config: EvaluateConfig) -> list[str]:
    """At most so many cases, by a hash of id and seed: alike cases answered, alike cases drawn."""
    ranked = sorted(answers, key=lambda case_id: hashlib.sha256(f"{config.seed}:{case_id}".encode()).digest())
    return sorted(ranked[: config.variety_answers])


def _cosines(vectors: npt.NDArray[Any]) -> Floats:
    rows = np.asarray(vectors, dtype=np.float64)
    kernel: Floats = rows @ rows.T
    np.fill_diagonal(kernel, 1.0)
    return kernel
