"""The configuration of one training step, by method, and its report."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PreferenceLoss = Literal["sigmoid", "sigmoid_unscaled_reference", "ipo"]
Kwise = Literal["pairs", "plackett_luce"]
PrecisionSetting = Literal["auto", "float32", "bfloat16", "bfloat16_master", "bfloat16_stochastic", "float64"]
ReferenceSchedule = Literal["sft", "fixed", "every", "reanchor"]
WriterName = Literal["tensorboard", "mlflow"]
_LORA_FACTOR = 5.0


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraConfig(Section):
    """Low-rank adapters instead of full weights; merged into the model that is saved."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dora: bool = Field(False, description="Decompose weights into magnitude and direction (Liu et al. 2024, DoRA).")


class Threshold(Section):
    """How far a monitor's measure may go, in its own unit; a bound that is not given does not bind."""

    min: float | None = None
    max: float | None = None
    max_rise: float | None = Field(None, ge=0, description="Above its value before the first step.")
    max_fall: float | None = Field(None, ge=0, description="Below its value before the first step.")
    max_drop: float | None = Field(None, ge=0, description="Below the highest value seen so far.")


class MonitorConfig(Section):
    """Measures taken from the current weights' own answers to the probe prompts, and what happens past a bound."""

    every: int = Field(20, ge=1, description="Optimiser steps between two measurements; the last step is measured too.")
    thresholds: dict[str, Threshold] = Field(
        default_factory=dict, description="Metric to bounds, such as {judge_reward: {max_fall: 0.05}, kl: {max: 0.1}}."
    )
    action: Literal["stop", "step_back"] = Field(
        "step_back",
        description="'stop' keeps the model as it stands; 'step_back' the last one that was within every bound.",
    )
    patience: int = Field(1, ge=1, description="Measurements in a row in which one metric is out of bounds.")
    max_new_tokens: int = Field(128, ge=1, description="Longest probe answer.")
    temperature: float = Field(0.0, ge=0, description="0 is greedy; else answers are sampled with the run's seed.")


class TrainConfig(Section):
    """What every method has. The method derives the learning rate where none is given."""

    default_rate: ClassVar[float] = 1e-4

    method: str = "sft"
    epochs: int = Field(1, ge=1, description="Passes over the rows; variety buys more than epochs.")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak rate. Default 1e-4 for sft and reward, 1e-5 for dpo and kto, 1e-6 for rl; five times that "
        "with LoRA.",
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises linearly.")
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    rows_per_step: int = Field(16, ge=1, description="Examples, pairs or prompts an optimiser step.")
    token_budget: int = Field(
        4096, ge=16, description="Packed tokens a micro-batch: memory (about 1 GiB a thousand at 135 M parameters)."
    )
    max_tokens: int = Field(2048, ge=2, description="Longest row; what happens to longer ones is 'bad_rows'.")
    bad_rows: Literal["stop", "drop"] = Field(
        "stop",
        description="A row that cannot be trained on (too long, empty answer, prompt that does not tokenise as a "
        "prefix): 'stop' before training and name it, or 'drop' it, count it and name it in the report.",
    )
    lora: LoraConfig | None = None
    precision: PrecisionSetting = Field(
        "auto",
        description="auto: float32 weights under bfloat16 autocast where the hardware has it. 'bfloat16_master': "
        "bfloat16 weights, float32 masters in the optimiser. 'bfloat16_stochastic': bfloat16 weights alone, updates "
        "rounded at random.",
    )
    seed: int = Field(0, ge=0)
    clip: float = Field(1.0, gt=0, description="Largest gradient norm.")
    weight_decay: float = Field(0.0, ge=0, description="On matrices only.")
    checkpoint_every: int = Field(20, ge=1, description="Optimiser steps between checkpoints.")
    monitors: MonitorConfig | None = Field(None, description="Watch a probe set while training.")
    writers: tuple[WriterName, ...] = Field((), description="Where each step's measures go beside metrics.jsonl.")

    @property
    def peak_rate(self) -> float:
        """The learning rate after warm-up."""
        return self.learning_rate or self.default_rate * (_LORA_FACTOR if self.lora else 1.0)


class SftConfig(TrainConfig):
    """Supervised fine-tuning: cross-entropy on the assistant's tokens."""

    method: Literal["sft"] = "sft"
    reasoning: Literal["keep", "strip", "auto"] = Field(
        "strip",
        description="What becomes of a turn's 'reasoning': 'keep' teaches it as <think>…</think> before what the turn "
        "says (turns before it are shown without theirs), 'strip' leaves it out, 'auto' teaches both on a sample and "
        "keeps it where answers to held-out rows are surely better with it.",
    )
    reasoning_rows: int = Field(240, ge=1, description="auto: rows that each of the two short runs is taught.")
    reasoning_probes: int = Field(80, ge=8, description="auto: held-out rows that both are asked.")
    reasoning_tokens: int = Field(256, ge=8, description="auto: longest answer, reasoning included.")


class AnchoredConfig(TrainConfig):
    """A method that is held to a reference policy."""

    default_rate: ClassVar[float] = 1e-5

    beta: float = Field(0.1, gt=0, description="Strength of the anchor to the reference.")
    reference: ReferenceSchedule = Field(
        "sft",
        description="'sft': the model as it came. 'fixed': π0. 'every': the policy itself, every 'reference_every' "
        "steps. 'reanchor': as 'every', but π0 again while the KL to π0 is above 'anchor_kl'.",
    )
    reference_every: int = Field(50, ge=1, description="Optimiser steps between two moves of the reference.")
    anchor_kl: float = Field(0.1, gt=0, description="reanchor: nats a token, measured to π0.")
    refresh_every: int = Field(0, ge=0, description="Steps of this method between two SFT refreshes; 0 is never.")
    refresh_steps: int = Field(1, ge=1, description="SFT steps of one refresh.")
    refresh_rate: float = Field(1e-5, gt=0, description="Learning rate of the refreshes.")


class PreferenceConfig(AnchoredConfig):
    """Preference optimisation on pairs and K-wise rankings."""

    method: Literal["dpo"] = "dpo"
    loss: PreferenceLoss = Field(
        "sigmoid",
        description="'sigmoid' is the published DPO loss, 'ipo' Azar et al. 2023. 'sigmoid_unscaled_reference' puts "
        "beta on the policy alone; WARNING: it is not anchored to the reference and drifts even on coin-flip labels.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="Probability that a label is flipped (cDPO).")
    length_normalised: bool = Field(False, description="Log-ratios a token instead of a sequence.")
    margins: bool = Field(False, description="Ask for each pair's margin: β·Δ must exceed it (Touvron et al. 2023).")
    sft_weight: float = Field(0.0, ge=0, description="Weight of a cross-entropy term on the chosen answers.")
    kwise: Kwise = Field(
        "pairs",
        description="What a ranking of more than two teaches: each pair whose scores differ, averaged, or the whole "
        "order at once ('plackett_luce', sigmoid losses only).",
    )
    annotator_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={},
        description="Trust in annotators by name; a row weighs the mean of its annotators', unknown ones weigh 1.",
    )

    @model_validator(mode="after")
    def _order_has_a_likelihood(self) -> "PreferenceConfig":
        if self.kwise == "plackett_luce" and (self.loss == "ipo" or self.label_smoothing):
            raise ValueError("kwise: plackett_luce is a likelihood: it goes with sigmoid losses, without smoothing")
        return self


class KtoConfig(AnchoredConfig):
    """Kahneman-Tversky optimisation on unpaired thumbs (Ethayarajh et al. 2024)."""

    method: Literal["kto"] = "kto"
    desirable_weight: float = Field(1.0, gt=0)
    undesirable_weight: float = Field(1.0, gt=0)


class RewardConfig(TrainConfig):
    """A reward model: Bradley-Terry on a scalar head over the policy's last state."""

    method: Literal["reward"] = "reward"
    margins: bool = Field(True, description="Use each pair's margin where it has one.")
    centering: float = Field(
        0.0, ge=0, description="Weight of (r⁺ + r⁻)², which holds rewards around 0; 0.01 is usual."
    )
    annotator_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="Trust in annotators by name; a row weighs the mean of its annotators', unknown ones weigh 1.",
    )
    held_out: float = Field(0.1, ge=0, lt=1, description="Share of the rows kept for accuracy and calibration.")


class RlConfig(AnchoredConfig):
    """Policy gradient on rollouts with a KL stabiliser: J(π) = E[r] − β KL(π ‖ π_ref)."""

    default_rate: ClassVar[float] = 1e-6

    method: Literal["rl"] = "rl"
    beta: float = Field(0.05, ge=0, description="Strength of the anchor; 0: no anchor, and no reference is scored.")
    advantage: Literal["rloo", "grpo"] = Field(
        "rloo", description="Leave-one-out baseline (Ahmadian et al. 2024), or group z-scores (Shao et al. 2024)."
    )
    group: int = Field(8, ge=2, description="Completions a prompt.")
    max_new_tokens: int = Field(128, ge=1)
    temperature: float = Field(
        1.0,
        gt=0,
        description="1 samples the policy itself; with anything else set 'engine_correction', for the samples are then "
        "of another policy.",
    )
    aggregation: Literal["token", "sequence", "constant"] = Field(
        "constant",
        description="What a token counts for: 1 / max_new_tokens ('constant', unbiased), 1 / its completion's length "
        "('sequence'), or 1 / the step's mean length ('token').",
    )
    kl: Literal["reward", "gradient"] = Field(
        "reward", description="The log-ratio subtracted from the reward, or its own unbiased gradient a token."
    )
    kl_target: float | None = Field(None, gt=0, description="Nats a sequence; β then adapts to it.")
    reuse: int = Field(1, ge=1, description="Optimiser steps on one set of rollouts; above 1 the ratio is clipped.")
    clip_ratio: float = Field(0.2, gt=0, lt=1, description="PPO's ε (Schulman et al. 2017, eq. 7).")
    clip_high: float | None = Field(None, gt=0, description="ε upwards; default clip_ratio (Yu et al. 2025 use 0.28).")
    engine_correction: float | None = Field(
        None, gt=0, description="Weigh tokens by the policy's probability over the sampler's, at most this much."
    )
    entropy: bool = Field(False, description="Measure the policy's entropy a token.")

    @model_validator(mode="after")
    def _anchor_has_a_strength(self) -> "RlConfig":
        if self.kl_target is not None and self.beta == 0:
            raise ValueError("kl_target: β is multiplied towards the target, so it cannot start at 0")
        return self


AnyTrainConfig = Annotated[
    SftConfig | PreferenceConfig | KtoConfig | RewardConfig | RlConfig, Field(discriminator="method")
]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a finished run did. ``tokens_real`` counts rows as if nothing were shared; ``tokens_processed`` is what
    the model computed; ``seconds`` are those of the optimiser steps, over all restarts. ``losses`` are the method's
    own: SFT refreshes between its steps are left out."""

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
