"""Objectives: one pure function of scored tokens for each way to learn."""

from trimtab.train.objectives.base import Metrics, Objective
from trimtab.train.objectives.kto import Standpoint, kto
from trimtab.train.objectives.preference import dpo
from trimtab.train.objectives.sft import sft

__all__ = ["Metrics", "Objective", "Standpoint", "dpo", "kto", "sft"]
