"""What `data.difficulty` and `data.hard` of trimtab.yaml may say."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Signal = Literal["loss", "pass_rate", "margin"]
Origin = Literal["measured", "labelled", "edited"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DifficultyConfig(_Section):
    """How difficulty is measured, and where easy ends and hard begins."""

    measure: Literal["off", "loss", "pass_rate", "both"] = Field(
        default="off",
        description="π0's loss on the good answer (one forward a row), its pass rate (an answer a sample), or both; "
        "pairs are measured by π0's margin.",
    )
    rows: int | None = Field(default=None, ge=1, description="At most so many rows, chosen by hash; absent = all.")
    samples: int = Field(default=1, ge=1, description="Answers of π0 a row; a single one is greedy.")
    temperature: float = Field(default=0.8, gt=0, description="Of the samples, where there is more than one.")
    max_tokens: int = Field(default=96, ge=1, description="Of each sample.")
    cuts: tuple[float, float] = Field(
        default=(1 / 3, 2 / 3), description="Quantiles of loss and margin where easy ends and hard begins."
    )
    fixed: dict[Signal, tuple[float, float]] = Field(
        default={"pass_rate": (1 / 3, 2 / 3)},
        description="Values instead of quantiles, lower first: loss and margin in nats a token, pass rate from 0 to 1.",
    )
    within: tuple[str, ...] = Field(default=(), description="Labels within which quantiles are taken, such as domain.")
    companions: int = Field(default=0, ge=0, description="At most so many of π0's failed samples a row as rejected.")

    @field_validator("measure", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        """YAML 1.1 reads a bare ``off`` as false."""
        return "off" if value is False else value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= self.cuts[0] <= self.cuts[1] <= 1:
            raise ValueError("cuts must be two quantiles from 0 to 1, the lower first")
        if bad := [name for name, (low, high) in self.fixed.items() if low > high]:
            raise ValueError(f"fixed.{bad[0]} must have the lower value first")
        if self.companions and self.measure not in ("pass_rate", "both"):
            raise ValueError("companions are failed samples: measure must be pass_rate or both")
        return self


class HardConfig(_Section):
    """Hard prompts with good answers, salted into the mix at a set share."""

    share: float = Field(ge=0, lt=1, description="Of the examples that are learnt; 0 leaves hard rows out.")
    by: tuple[Origin, ...] = Field(
        default=("measured", "labelled", "edited"),
        min_length=1,
        description="What makes a row hard: its measured difficulty, the label that it came with, a user's edit.",
    )
    unchecked: bool = Field(default=False, description="Let in good answers that nothing checks.")
    min_quality: float | None = Field(default=None, description="A labels.quality from which an answer counts as good.")
