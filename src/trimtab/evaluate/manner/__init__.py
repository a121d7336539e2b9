"""How answers are said: style rates, variety, and the drift of both between releases."""

from trimtab.evaluate.manner.drift import Drift, Shift, drift_series, style_drift
from trimtab.evaluate.manner.features import features, manner_of, spoken_answers, style_columns, style_scores
from trimtab.evaluate.manner.variety import variety

__all__ = [
    "Drift",
    "Shift",
    "drift_series",
    "features",
    "manner_of",
    "spoken_answers",
    "style_columns",
    "style_drift",
    "style_scores",
    "variety",
]
