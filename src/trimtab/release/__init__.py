"""Releases: gate, registry, rollback, card, changelog, export and what may be thrown away."""

from trimtab.release.best import best_so_far
from trimtab.release.card import Card, CardFacts, Source, model_card, scorecard_of
from trimtab.release.changelog import changelog, moves
from trimtab.release.export import export_gguf, export_hf
from trimtab.release.foresight import Known, Sight, foresee, known_of
from trimtab.release.gate import CODE_VERSION, HardFacts, gate
from trimtab.release.gate_config import GateConfig, Limit, Regression
from trimtab.release.gc import collect
from trimtab.release.paired import Delta, delta
from trimtab.release.registry import get, history, nominate, promote, register, releases, rollback

__all__ = [
    "CODE_VERSION",
    "Card",
    "CardFacts",
    "Delta",
    "GateConfig",
    "HardFacts",
    "Known",
    "Limit",
    "Regression",
    "Sight",
    "Source",
    "best_so_far",
    "changelog",
    "collect",
    "delta",
    "export_gguf",
    "export_hf",
    "foresee",
    "gate",
    "get",
    "history",
    "known_of",
    "model_card",
    "moves",
    "nominate",
    "promote",
    "register",
    "releases",
    "rollback",
    "scorecard_of",
]
