"""What a run measures: the sides of the overhead, the order of their blocks, and the flood."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.gateway.load import Block
from benchmarks.gateway.servers import KEY, Server
from benchmarks.gateway.workload import COMPLETION_TOKENS

PARTS = ("overhead", "overload")
SIDES = ("direct", "ours", "ours_http", "litellm")
"""``ours``: the engine in the gateway's process; ``ours_http`` and ``litellm``: the mock server behind them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Blocks that are compared: ``part`` of the full rate, whole or streamed, and by whom they are answered."""

    name: str
    part: float
    stream: bool
    sides: tuple[str, ...]


KINDS = (
    Kind("", 1.0, False, SIDES),
    Kind("_stream", 1.0, True, ("direct", "ours")),
    Kind("_calm", 0.2, False, SIDES),
    Kind("_stream_calm", 0.2, True, ("direct", "ours", "litellm")),
)
"""Calm: so slow that LiteLLM does not queue on one core, where it takes most of it at the full rate."""


@dataclass(frozen=True, slots=True)
class Scale:
    """``rounds`` of blocks of ``seconds`` at ``rate`` requests a second; the flood's and the recovery's seconds."""

    rate: float = 100.0
    seconds: float = 4.0
    rounds: int = 5
    warm_seconds: float = 2.0
    flood_seconds: float = 60.0
    recovery_seconds: float = 10.0
    probe_seconds: float = 8.0


QUICK = Scale(seconds=2.0, rounds=1, warm_seconds=1.0, flood_seconds=10.0, recovery_seconds=6.0, probe_seconds=4.0)


def blocks(servers: Mapping[str, Server], scale: Scale) -> list[Block]:
    """Every block in order: a round to warm up, then ``rounds``, each beginning with another one.

    The arrivals of a kind's round are the same for every side.
    """
    pairs = [(kind, side) for kind in KINDS for side in kind.sides if side in servers]
    ordered = [_block(servers[side], kind, side, scale, scale.warm_seconds, seed=0) for kind, side in pairs]
    for i in range(scale.rounds):
        first = i * len(pairs) // scale.rounds
        turn = pairs[first:] + pairs[:first]
        ordered += [_block(servers[side], kind, side, scale, scale.seconds, seed=i + 1) for kind, side in turn]
    return ordered


def _block(server: Server, kind: Kind, side: str, scale: Scale, seconds: float, seed: int) -> Block:
    rate = kind.part * scale.rate
    return Block(side, kind.name, server.url, server.pid, _headers(side, server), rate, seconds, seed, kind.stream)


def _headers(side: str, server: Server) -> Sequence[dict[str, str]]:
    tokens = list(server.keys.values()) or ([KEY] if side == "litellm" else [])
    return [{"authorization": f"Bearer {token}"} for token in tokens] or [{}]


@dataclass(frozen=True, slots=True)
class Flood:
    """An engine of ``knee / step`` tokens a second, offered ``times`` its capacity, shared by ``greed``.

    ``greed``: each tenant's part of what is offered. ``budget_ms``: the deadline that every request carries.
    ``modest``: requests a second of a tenant that asks for less than its share, and should get all of it.
    """

    step: float = 0.016
    knee: int = 8
    tokens: int = COMPLETION_TOKENS
    times: float = 10.0
    greed: tuple[tuple[str, float], ...] = (("greedy", 0.6), ("eager", 0.3), ("steady", 0.1))
    weights: tuple[tuple[str, float], ...] = (("eager", 2.0),)
    modest: float = 2.0
    budget_ms: int = 5000
    probe_rate: float = 5.0

    @property
    def capacity(self) -> float:
        """Requests a second."""
        return self.knee / self.step / self.tokens

    @property
    def rates(self) -> dict[str, float]:
        """What each tenant offers, requests a second."""
        offered = self.times * self.capacity - self.modest
        return {"modest": self.modest} | {tenant: part * offered for tenant, part in self.greed}

    def server_job(self, folder: str) -> dict[str, Any]:
        admission = {"weights": dict(self.weights)}
        engine = {"step": self.step, "knee": self.knee, "tokens": self.tokens}
        tenants = list(self.rates)
        return {"folder": folder, "tenants": tenants, "batching": engine, "config": {"admission": admission}}

    def load_job(self, server: Server, scale: Scale) -> dict[str, Any]:
        return {
            **{"url": server.url, "pid": server.pid, "keys": dict(server.keys), "rates": self.rates},
            **{"budget_ms": self.budget_ms, "probe_rate": self.probe_rate, "probe_seconds": scale.probe_seconds},
            **{"seconds": scale.flood_seconds, "recovery_seconds": scale.recovery_seconds},
        }


def job(block_list: Sequence[Block]) -> dict[str, Any]:
    """The load generator's job."""
    return {"blocks": [asdict(block) for block in block_list]}
