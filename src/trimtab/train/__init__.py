"""One loop that teaches (SFT) and aligns (DPO): packed forests, shared prefixes, exact accumulation, exact resume."""

from typing import TYPE_CHECKING, Any

from trimtab.train.config import LoraConfig, TrainConfig, TrainReport, report_from_json

if TYPE_CHECKING:
    from trimtab.train.run import train_dpo, train_sft

__all__ = ["LoraConfig", "TrainConfig", "TrainReport", "report_from_json", "train_dpo", "train_sft"]


def __getattr__(name: str) -> Any:
    """The two that need torch, imported when first used: reading a configuration must stay quick."""
    if name in ("train_dpo", "train_sft"):
        from trimtab.train import run

        return getattr(run, name)
    raise AttributeError(name)
