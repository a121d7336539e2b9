"""Pure numbers: intervals, calibration, diversity and tests that stay valid while being watched."""

from trimtab.stats.agreement import Measurement, krippendorff_alpha, krippendorff_interval, nominal_alpha
from trimtab.stats.bootstrap import bootstrap_interval
from trimtab.stats.calibration import brier, ece, ece_contributions, expected_ece
from trimtab.stats.concentration import clipped, effective_number
from trimtab.stats.dawid_skene import DawidSkene, dawid_skene
from trimtab.stats.discrimination import Threshold, best_threshold, pair_auc
from trimtab.stats.diversity import ead, ead_contributions
from trimtab.stats.eprocess import BettingTest, CapTest, Direction, RatioTest, Wealth
from trimtab.stats.interval import Interval, difference_interval, mean_interval, paired_interval, wilson
from trimtab.stats.paired_logistic import fit_paired_logistic, held_out_logits
from trimtab.stats.quantiles import normal_quantile, t_quantile
from trimtab.stats.ranking import auc_interval

__all__ = [
    "BettingTest",
    "CapTest",
    "DawidSkene",
    "Direction",
    "Interval",
    "Measurement",
    "RatioTest",
    "Threshold",
    "Wealth",
    "auc_interval",
    "best_threshold",
    "bootstrap_interval",
    "brier",
    "clipped",
    "dawid_skene",
    "difference_interval",
    "ead",
    "ead_contributions",
    "ece",
    "ece_contributions",
    "effective_number",
    "expected_ece",
    "fit_paired_logistic",
    "held_out_logits",
    "krippendorff_alpha",
    "krippendorff_interval",
    "mean_interval",
    "nominal_alpha",
    "normal_quantile",
    "pair_auc",
    "paired_interval",
    "t_quantile",
    "wilson",
]
