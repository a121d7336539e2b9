"""The ``gate`` section of ``trimtab.yaml``: which metrics must rise, which must not fall, what is never allowed."""

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Section):
    """An absolute limit. ``sure``: the whole interval must keep it, not the value alone."""

    min: float | None = None
    max: float | None = None
    sure: bool = False

    @model_validator(mode="after")
    def _some_limit(self) -> "Limit":
        if self.min is None and self.max is None:
            raise ValueError("a limit needs min or max")
        return self


class Regression(_Section):
    """A family of metrics none of which may be worse than the incumbent's beyond doubt.

    ``alpha``: the chance that a candidate equal to the incumbent is blocked by any of them (Holm over the family,
    one-sided). ``margin``: a loss, in each metric's unit, that is no fault.
    """

    metrics: tuple[str, ...] = Field(min_length=1)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    margin: float = Field(default=0.0, ge=0)


class GateConfig(_Section):
    """Two kinds of checks, with two kinds of error.

    *Proof is asked of the candidate* (superiority, non-inferiority): ``alpha`` is the chance, a check, that a candidate
    exactly at the bound passes. Because all checks must pass, the chance that a bad candidate passes the whole gate is
    at most ``alpha`` too (intersection-union test, Berger 1982); a candidate equal to the incumbent passes a gate with
    a superiority check at most that often, and one whose margins are finer than the suite can see hardly ever.
    *Proof is asked against the candidate* (regression, overfitting): a candidate at fault passes where the suite cannot
    see it; one without fault is blocked by the family with chance ``regression.alpha``, by an overfitting check with
    ``alpha``. `trimtab evaluate --dry-run` says beforehand what a suite can see.
    """

    superiority: dict[str, float] = Field(default_factory=dict, description="Metric: least gain over the incumbent.")
    non_inferiority: dict[str, float] = Field(default_factory=dict, description="Metric: most loss that is accepted.")
    non_inferiority_to_base: dict[str, float] = Field(
        default_factory=dict, description="Metric: most loss accepted against π0, the fixed anchor."
    )
    non_inferiority_to_best: dict[str, float] = Field(
        default_factory=dict, description="Metric: most loss accepted against the best stable release so far."
    )
    regression: Regression | None = Field(
        default=None, description="Metrics of which none may be worse beyond doubt: {metrics, alpha, margin}."
    )
    overfitting: dict[str, float] = Field(
        default_factory=dict, description="Metric: most by which development may lie above the sealed cases."
    )
    absolute: dict[str, Limit] = Field(default_factory=dict, description="Metric: {min, max, sure}.")
    unscored: float = Field(
        default=0.5, ge=0, le=1, description="Largest share of the candidate's cases that may be unscored."
    )
    served_floor: float = Field(
        default=0.05, gt=0, description="Mean |Δ log-prob| in nats up to which served counts as trained."
    )
    coverage: float = Field(default=0.95, gt=0, le=1, description="Least share of cases scored on both sides.")
    alpha: float = Field(default=0.025, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _margins_are_positive(self) -> "GateConfig":
        for section in (*COMPARED, "overfitting"):
            for metric, margin in getattr(self, section).items():
                if not math.isfinite(margin) or margin < 0:
                    raise ValueError(f"{section}.{metric} must be 0 or more")
        return self


COMPARED = ("superiority", "non_inferiority", "non_inferiority_to_base", "non_inferiority_to_best")
"""The sections that hold a candidate against another release, metric by metric."""
