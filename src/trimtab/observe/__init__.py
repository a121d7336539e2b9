"""Traces kept redacted, needs-work traffic captured, signals with intervals, error budgets, cost."""

from trimtab.observe.cost import Cost, Meter, cost_of
from trimtab.observe.signals import SIGNALS, ArmSignals, Signal, SignalName, arm_signals, events, signals
from trimtab.observe.sink import CapturePolicy, StoreSink, complaint, needs_work
from trimtab.observe.slo import Breach, BurnWindow, SloConfig, breaches, budget_left, burn_rate

__all__ = [
    "SIGNALS",
    "ArmSignals",
    "Breach",
    "BurnWindow",
    "CapturePolicy",
    "Cost",
    "Meter",
    "Signal",
    "SignalName",
    "SloConfig",
    "StoreSink",
    "arm_signals",
    "breaches",
    "budget_left",
    "burn_rate",
    "complaint",
    "cost_of",
    "events",
    "needs_work",
    "signals",
]
