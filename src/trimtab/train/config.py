"""The configuration of one training step, and its report."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PreferenceLoss = Literal["sigmoid", "sigmoid_unscaled_reference"]
PrecisionSetting = Literal["auto", "float32", "bfloat16", "float64"]
_RATES = {"sft": 1e-4, "dpo": 1e-5}
_LORA_FACTOR = 5.0


class LoraConfig(BaseModel):
    """Low-rank adapters instead of full weights; merged into the model that is saved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)


class TrainConfig(BaseModel):
    """One step of teaching or aligning. The method derives the learning rate where none is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["sft", "dpo"] = "sft"
    epochs: int = Field(1, ge=1, description="Passes over the rows; variety buys more than epochs.")
    learning_rate: float | None = Field(
        None, gt=0, description="Peak rate. Default 1e-4 for sft, 1e-5 for dpo, five times that with LoRA."
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises linearly.")
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    rows_per_step: int = Field(16, ge=1, description="Examples or pairs an optimiser step.")
    token_budget: int = Field(
        4096, ge=16, description="Packed tokens a micro-batch: memory (about 1 GiB a thousand at 135 M parameters)."
    )
    max_tokens: int = Field(2048, ge=2, description="Longer rows are left out, and counted in the report.")
    beta: float = Field(0.1, gt=0, description="dpo: strength of the anchor to the reference.")
    loss: PreferenceLoss = Field(
        "sigmoid",
        description="dpo: 'sigmoid' is the published loss. 'sigmoid_unscaled_reference' puts beta on the policy "
        "alone; WARNING: it is not anchored to the reference and drifts even on coin-flip labels.",
    )
    sft_weight: float = Field(0.0, ge=0, description="dpo: weight of a cross-entropy term on the chosen answers.")
    lora: LoraConfig | None = None
    precision: PrecisionSetting = Field("auto", description="auto: bfloat16 autocast where the hardware has it.")
    seed: int = Field(0, ge=0)
    clip: float = Field(1.0, gt=0, description="Largest gradient norm.")
    weight_decay: float = Field(0.0, ge=0, description="On matrices only.")
    checkpoint_every: int = Field(20, ge=1, description="Optimiser steps between checkpoints.")

    @property
    def peak_rate(self) -> float:
        """The learning rate after warm-up."""
        return self.learning_rate or _RATES[self.method] * (_LORA_FACTOR if self.lora else 1.0)


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a finished run did. ``tokens_real`` counts rows as if nothing were shared; ``tokens_processed`` is what
    the model computed; ``seconds`` are those of the optimiser steps, over all restarts."""

    steps: int
    losses: tuple[float, ...]
    tokens_real: int
    tokens_processed: int
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in self.__slots__}
        return row | {"losses": list(self.losses), "notes": list(self.notes)}


def report_from_json(row: dict[str, Any]) -> TrainReport:
    """The inverse of ``TrainReport.to_json``."""
    return TrainReport(**{**row, "losses": tuple(row["losses"]), "notes": tuple(row["notes"])})
