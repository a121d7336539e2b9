"""The ``evaluate`` section of ``trimtab.yaml``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab.evaluate.grounding.config import EntailmentConfig

SourceName = Literal["sequence", "answer_tokens", "least_token", "choice", "p_true", "stated"]
"""Where confidence may come from: the keys of ``confidence.SOURCES``."""


class BatteryConfig(BaseModel):
    """So many fresh cases; another seed renews them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cases: int = Field(default=50, ge=1)
    seed: int = Field(default=0, ge=0)


class EvaluateConfig(BaseModel):
    """How cases are answered and how sure the intervals are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(default=16, ge=1, description="answers asked for at once")
    limit: int | None = Field(default=None, ge=1, description="at most so many cases of a suite, spread over its kinds")
    batteries: dict[str, BatteryConfig] = Field(
        default_factory=dict, description="built-in batteries that are asked beside the sealed cases, by name"
    )
    entailment: EntailmentConfig | None = Field(
        default=None, description="a judge that decides support beside our own test; asked about every cited sentence"
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="confidence level of every interval")
    confidence: tuple[SourceName, ...] = Field(
        default=("sequence",), min_length=1, description="where confidence is taken from: names of confidence sources"
    )
    temperature: bool = Field(
        default=False, description="fit a temperature on the development cases and report the sealed ones after it"
    )
    variety_answers: int = Field(default=200, ge=2, description="most answers that diversity is measured over")
    bins: int = Field(default=15, ge=1, description="bins of equal count for the calibration error")
    bootstrap_draws: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)
    keep_answers: bool = Field(default=True, description="keep each answer beside its scores in the scorecard")


DEFAULTS = EvaluateConfig()
