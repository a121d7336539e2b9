"""LoRA adapters on and off a model, by PEFT."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trimtab.records import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def lora(
    model: "PreTrainedModel",
    rank: int,
    alpha: float,
    targets: str | Sequence[str] = "all-linear",
    *,
    dora: bool = False,
    seed: int = 0,
) -> Any:
    """``model`` wrapped with fresh LoRA matrices (Hu et al. 2021), scaled by alpha/rank; only they train.

    ``dora`` also trains the length of each row of W + (alpha/rank)·B·A, apart from its direction (Liu et al. 2024,
    eq. 5). The B matrices start at zero and the lengths at those of W, so the function is unchanged at first;
    ``seed`` decides the A matrices. Raises UserError on a rank below 1 or targets that the model lacks.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    if rank < 1 or alpha <= 0:
        raise UserError("LoRA needs a rank of at least 1 and an alpha above 0", field="lora")
    modules = targets if isinstance(targets, str) else list(targets)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=modules, lora_dropout=0.0, use_dora=dora, task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for an attribute's old name
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise UserError(f"the model has none of the LoRA targets {modules!r}", field="lora.targets") from error


def merge(model: Any) -> "PreTrainedModel":
    """The plain model with its adapter's W + (alpha/rank)·B·A added in. A model without one comes back as it is."""
    if not hasattr(model, "merge_and_unload"):
        plain: PreTrainedModel = model
        return plain
    merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    return merged
