"""What an operator may set about the gateway."""

from pydantic import BaseModel, ConfigDict, Field

from trimtab.serve.admission import AdmissionConfig


class ServeConfig(BaseModel):
    """The ``serving`` section: where it listens and what one request may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    name: str = Field(default="trimtab", pattern=r"^[A-Za-z0-9._/-]+$")
    """The model's name in the API; ``name@digest-prefix`` asks for one release."""
    body_bytes: int = Field(default=1 << 20, ge=1024)
    body_seconds: float = Field(default=30.0, gt=0)
    max_in_flight: int = Field(default=64, ge=1)
    """Requests that are answered at once, at most; the adaptive limit lies below. Others wait in the queue."""
    admission: AdmissionConfig = AdmissionConfig()
    timeout_seconds: float = Field(default=120.0, gt=0)
    max_backlog: int = Field(default=1000, ge=1)
    """Traces that may wait to be written; beyond it requests are refused, for an unseen canary cannot be judged."""
