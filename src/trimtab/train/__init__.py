"""One loop that teaches, aligns and rewards: packed forests, shared prefixes, exact accumulation, exact resume."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trimtab.train.config import (
    AnyTrainConfig,
    KtoConfig,
    LoraConfig,
    MonitorConfig,
    PreferenceConfig,
    RewardConfig,
    RlConfig,
    SftConfig,
    Threshold,
    TrainConfig,
    TrainReport,
    report_from_json,
)

if TYPE_CHECKING:
    from trimtab.train.drift.control import DriftControl
    from trimtab.train.drift.measures import Answer
    from trimtab.train.drift.monitors import ProbeSet
    from trimtab.train.reward.run import RewardModel, train_reward
    from trimtab.train.rl.run import train_rl
    from trimtab.train.run import train_dpo, train_kto, train_sft

__all__ = [
    "Answer",
    "AnyTrainConfig",
    "DriftControl",
    "KtoConfig",
    "LoraConfig",
    "MonitorConfig",
    "PreferenceConfig",
    "ProbeSet",
    "RewardConfig",
    "RewardModel",
    "RlConfig",
    "SftConfig",
    "Threshold",
    "TrainConfig",
    "TrainReport",
    "report_from_json",
    "train_dpo",
    "train_kto",
    "train_reward",
    "train_rl",
    "train_sft",
]

_HEAVY = {
    "Answer": "trimtab.train.drift.measures",
    "DriftControl": "trimtab.train.drift.control",
    "ProbeSet": "trimtab.train.drift.monitors",
    "RewardModel": "trimtab.train.reward.run",
    "train_dpo": "trimtab.train.run",
    "train_kto": "trimtab.train.run",
    "train_reward": "trimtab.train.reward.run",
    "train_rl": "trimtab.train.rl.run",
    "train_sft": "trimtab.train.run",
}


def __getattr__(name: str) -> Any:
    """What needs torch, imported when first used: reading a configuration must stay quick."""
    if name not in _HEAVY:
        raise AttributeError(name)
    return getattr(import_module(_HEAVY[name]), name)
