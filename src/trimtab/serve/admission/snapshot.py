"""What admission looks like now: for ``/ready`` and for metrics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts, tokens, and seconds a token on an idle engine (0 until measured); ``kv_tokens`` 0: no bound."""

    queued: int
    queued_tokens: int
    tenants_queued: int
    in_flight: int
    limit: int
    kv_tokens_held: int
    kv_tokens: int
    refused: Mapping[str, int]
    idle_seconds_per_token: float
    draining: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
