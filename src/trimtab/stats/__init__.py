"""Pure numbers: intervals, calibration, diversity and tests that stay valid while being watched."""

from trimtab.stats.bootstrap import bootstrap_interval
from trimtab.stats.calibration import brier, ece, ece_contributions, expected_ece
from trimtab.stats.diversity import ead, ead_contributions
from trimtab.stats.eprocess import BettingTest, CapTest, Direction, RatioTest, Wealth
from trimtab.stats.interval import Interval, mean_interval, paired_interval, wilson
from trimtab.stats.quantiles import normal_quantile, t_quantile
from trimtab.stats.ranking import auc_interval

__all__ = [
    "BettingTest",
    "CapTest",
    "Direction",
    "Interval",
    "RatioTest",
    "Wealth",
    "auc_interval",
    "bootstrap_interval",
    "brier",
    "ead",
    "ead_contributions",
    "ece",
    "ece_contributions",
    "expected_ece",
    "mean_interval",
    "normal_quantile",
    "paired_interval",
    "t_quantile",
    "wilson",
]
