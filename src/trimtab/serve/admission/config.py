"""What an operator may set about admission: how long one may wait, who gets how much, what the engine can hold."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class AdmissionConfig(BaseModel):
    """The ``serving.admission`` section. ``max_in_flight`` beside it is the upper bound of the adaptive limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: int = Field(default=256, ge=0)
    """Requests that may wait, of all tenants together, a tenant alone at most half; 0: nothing waits."""
    queue_seconds: float = Field(default=3.0, gt=0)
    """Longest predicted wait of who is let in; twice that ends it. Short on purpose: what waits when an
    overload ends is what recovery takes."""
    quantum: int = Field(default=512, ge=1)
    """Tokens a tenant of weight 1 may start in its turn."""
    weights: dict[str, PositiveFloat] = {}
    """Shares by tenant; 1 for whom it does not name."""
    kv_tokens: int = Field(default=0, ge=0)
    """Tokens that requests under way may hold together; 0: what the engine says of its cache."""
    min_in_flight: int = Field(default=4, ge=1)
    """The adaptive limit never falls below it."""
    latency_tolerance: float = Field(default=3.0, gt=1)
    """Seconds a token that a request may take, as a multiple of those on an idle engine; 2 is Kleinrock's knee."""
    window_seconds: float = Field(default=0.5, gt=0)
    """Least time over which a latency is measured before the limit moves."""
