"""Attacks: whether one got through, and how bad that would be."""

from trimtab.evaluate.attacks.severity import Severity, by_severity
from trimtab.evaluate.attacks.success import attack_succeeded

__all__ = ["Severity", "attack_succeeded", "by_severity"]
