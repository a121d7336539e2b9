"""Probes and suites: from cases and a release's answers to a Scorecard, and what changed between two."""

from trimtab.evaluate.action import Wording, action_of, classify, served_action
from trimtab.evaluate.attack import attack_succeeded
from trimtab.evaluate.batteries import BATTERIES, make_battery
from trimtab.evaluate.card import score_suite
from trimtab.evaluate.checks import CHECKS
from trimtab.evaluate.citing import Citing, Worked, citing, fidelity, supported
from trimtab.evaluate.compare import Change, compare
from trimtab.evaluate.config import BatteryConfig, EvaluateConfig
from trimtab.evaluate.confusion import Confusion, confusion, confusion_lines
from trimtab.evaluate.drift import kl_to_base
from trimtab.evaluate.membership import Membership, membership, min_k_plus_plus
from trimtab.evaluate.metrics import kind_of
from trimtab.evaluate.probes import Confidence, confidence_of, observed_action, score_case
from trimtab.evaluate.routes import VARIANTS, breakdown, variants_of
from trimtab.evaluate.routing import argument_match, routing_matches
from trimtab.evaluate.run import evaluate
from trimtab.evaluate.suite import Suite, load_suite, make_suite
from trimtab.evaluate.transcribe import transcribe
from trimtab.evaluate.transcript import Transcript, passages, transcript_from_json

__all__ = [
    "BATTERIES",
    "CHECKS",
    "VARIANTS",
    "BatteryConfig",
    "Change",
    "Citing",
    "Confidence",
    "Confusion",
    "EvaluateConfig",
    "Membership",
    "Suite",
    "Transcript",
    "Wording",
    "Worked",
    "action_of",
    "argument_match",
    "attack_succeeded",
    "breakdown",
    "citing",
    "classify",
    "compare",
    "confidence_of",
    "confusion",
    "confusion_lines",
    "evaluate",
    "fidelity",
    "kind_of",
    "kl_to_base",
    "load_suite",
    "make_battery",
    "make_suite",
    "membership",
    "min_k_plus_plus",
    "observed_action",
    "passages",
    "routing_matches",
    "score_case",
    "score_suite",
    "served_action",
    "supported",
    "transcribe",
    "transcript_from_json",
    "variants_of",
]
