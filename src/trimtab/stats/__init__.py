"""Pure numbers: intervals, calibration, diversity and tests that stay valid while being watched."""

from trimtab.stats.agreement import Measurement, krippendorff_alpha, krippendorff_interval, nominal_alpha
from trimtab.stats.bootstrap import bootstrap_interval
from trimtab.stats.calibration import brier, ece, ece_contributions, expected_ece
from trimtab.stats.concentration import clipped, effective_number
from trimtab.stats.dawid_skene import DawidSkene, dawid_skene
from trimtab.stats.discrimination import Threshold, best_threshold, pair_auc
from trimtab.stats.diversity import ead, ead_contributions
from trimtab.stats.eprocess import BettingTest, CapTest, Direction, RatioTest, Wealth
from trimtab.stats.interval import (
    Interval,
    difference_interval,
    mean_interval,
    p_value,
    paired_interval,
    paired_p_value,
    wilson,
)
from trimtab.stats.multiple import holm
from trimtab.stats.paired_logistic import fit_paired_logistic, held_out_logits
from trimtab.stats.pass_at_k import pass_at_k
from trimtab.stats.power import design_effect, detectable, needed_n, paired_deviation, power_of
from trimtab.stats.quantiles import normal_quantile, t_quantile
from trimtab.stats.ranking import auc_interval
from trimtab.stats.reliability import Bin, BrierSplit, brier_split, null_ece, reliability
from trimtab.stats.temperature import fit_softmax_temperature, fit_temperature, log_odds, scaled
from trimtab.stats.two_sample import TwoSample, energy_distance, paired_energy_test
from trimtab.stats.variety import (
    distinct,
    distinct_contributions,
    ngram_kernel,
    self_bleu,
    self_bleu_contributions,
    vendi,
    vendi_contributions,
)

__all__ = [
    "BettingTest",
    "Bin",
    "BrierSplit",
    "CapTest",
    "DawidSkene",
    "Direction",
    "Interval",
    "Measurement",
    "RatioTest",
    "Threshold",
    "TwoSample",
    "Wealth",
    "auc_interval",
    "best_threshold",
    "bootstrap_interval",
    "brier",
    "brier_split",
    "clipped",
    "dawid_skene",
    "design_effect",
    "detectable",
    "difference_interval",
    "distinct",
    "distinct_contributions",
    "ead",
    "ead_contributions",
    "ece",
    "ece_contributions",
    "effective_number",
    "energy_distance",
    "expected_ece",
    "fit_paired_logistic",
    "fit_softmax_temperature",
    "fit_temperature",
    "held_out_logits",
    "holm",
    "krippendorff_alpha",
    "krippendorff_interval",
    "log_odds",
    "mean_interval",
    "needed_n",
    "ngram_kernel",
    "nominal_alpha",
    "normal_quantile",
    "null_ece",
    "p_value",
    "pair_auc",
    "paired_deviation",
    "paired_energy_test",
    "paired_interval",
    "paired_p_value",
    "pass_at_k",
    "power_of",
    "reliability",
    "scaled",
    "self_bleu",
    "self_bleu_contributions",
    "t_quantile",
    "vendi",
    "vendi_contributions",
    "wilson",
]
