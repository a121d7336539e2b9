"""What `data.backlog` may say: who decides on harvested rows, and whose traffic may teach at all."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class BacklogConfig(BaseModel):
    """Harvested rows wait for a person, or enter by themselves where whoever judged them is trusted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accept: Literal["auto", "manual"] = Field(
        default="auto", description="auto: rows of trusted people enter by themselves; manual: every row waits."
    )
    trust: float = Field(
        default=0.5, ge=0, le=1, description="Trust from which a row is accepted; a person without a history has 0.5."
    )
    withheld_tenants: tuple[str, ...] = Field(
        default=(), description="Tenants that did not consent: what their users say teaches nothing."
    )
