"""Probes and suites: from cases and a release's answers to a Scorecard, and what changed between two."""

from trimtab.evaluate.action import Wording, action_of, classify, served_action
from trimtab.evaluate.attacks import Severity, attack_succeeded, by_severity
from trimtab.evaluate.batteries import BATTERIES, FED, Material, Records, describe_batteries, make_battery, notes
from trimtab.evaluate.card import SCORING, score_suite
from trimtab.evaluate.checks import CHECKS
from trimtab.evaluate.compare import Change, compare
from trimtab.evaluate.confidence import SOURCES, Instrument, confidences
from trimtab.evaluate.config import BatteryConfig, EvaluateConfig
from trimtab.evaluate.confusion import Confusion, confusion, confusion_lines
from trimtab.evaluate.grounding import (
    Citing,
    EntailmentConfig,
    Entails,
    Lexical,
    Pair,
    Worked,
    citing,
    fidelity,
    supported,
)
from trimtab.evaluate.imported import import_file
from trimtab.evaluate.manner import Drift, Shift, drift_series, style_drift
from trimtab.evaluate.manner.divergence import kl_to_base
from trimtab.evaluate.membership import Membership, membership, min_k_plus_plus
from trimtab.evaluate.metrics import kind_of
from trimtab.evaluate.probes import Confidence, confidence_of, observed_action, score_case
from trimtab.evaluate.routes import VARIANTS, breakdown, variants_of
from trimtab.evaluate.routes.matching import argument_match, routing_matches
from trimtab.evaluate.run import evaluate
from trimtab.evaluate.suite import Suite, load_suite, make_suite
from trimtab.evaluate.transcribe import transcribe
from trimtab.evaluate.transcript import Transcript, passages, transcript_from_json

__all__ = [
    "BATTERIES",
    "CHECKS",
    "FED",
    "SCORING",
    "SOURCES",
    "VARIANTS",
    "BatteryConfig",
    "Change",
    "Citing",
    "Confidence",
    "Confusion",
    "Drift",
    "EntailmentConfig",
    "Entails",
    "EvaluateConfig",
    "Instrument",
    "Lexical",
    "Material",
    "Membership",
    "Pair",
    "Records",
    "Severity",
    "Shift",
    "Suite",
    "Transcript",
    "Wording",
    "Worked",
    "action_of",
    "argument_match",
    "attack_succeeded",
    "breakdown",
    "by_severity",
    "citing",
    "classify",
    "compare",
    "confidence_of",
    "confidences",
    "confusion",
    "confusion_lines",
    "describe_batteries",
    "drift_series",
    "evaluate",
    "fidelity",
    "import_file",
    "kind_of",
    "kl_to_base",
    "load_suite",
    "make_battery",
    "make_suite",
    "membership",
    "min_k_plus_plus",
    "notes",
    "observed_action",
    "passages",
    "routing_matches",
    "score_case",
    "score_suite",
    "served_action",
    "style_drift",
    "supported",
    "transcribe",
    "transcript_from_json",
    "variants_of",
]
