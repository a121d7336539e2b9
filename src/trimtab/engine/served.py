"""Served = trained: an engine's log-probs on fixed sequences, recorded once and held against it ever after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from trimtab.records import UserError

Pair = tuple[Sequence[int], Sequence[int]]

FLOORS: Mapping[str, float] = {"float32": 1e-3, "f32": 5e-3, "bf16": 0.06, "bfloat16": 0.06, "int8": 0.16, "int4": 1.0}
"""Mean |Δ log-prob| (nats a token) to the trainer below which an engine of that precision serves what was trained.

About twice what SmolLM2-135M was measured at over 20 exchanges: f32 0.0016, bf16 0.032, int8 0.084, int4 0.58.
"""


class Scorer(Protocol):
    """The part of an Engine that a record needs."""

    @property
    def weights(self) -> str: ...

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]: ...


@runtime_checkable
class _ScoresMany(Protocol):
    def score_many(self, pairs: Sequence[Pair]) -> list[list[float]]: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two sets of log-probs are apart, in nats a token."""

    mean: float
    largest: float
    tokens: int
    same_weights: bool


def record(scorer: Scorer, sequences: Sequence[Pair]) -> dict[str, Any]:
    """Log-probs of each ``(prompt_ids, completion_ids)``, as JSON that a release keeps."""
    rows = [
        {"prompt": list(prompt), "completion": list(completion), "logprobs": logprobs}
        for (prompt, completion), logprobs in zip(sequences, score_all(scorer, sequences), strict=True)
    ]
    return {"weights": scorer.weights, "sequences": rows}


def replay(scorer: Scorer, recorded: Mapping[str, Any]) -> Difference:
    """The record's sequences scored again and compared. Raises UserError on a record without tokens."""
    pairs = [(row["prompt"], row["completion"]) for row in recorded.get("sequences") or []]
    return difference(recorded, record(scorer, pairs))


def difference(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Difference:
    """Two records of the same tokens compared. Raises UserError where they hold none."""
    rows = zip(recorded.get("sequences") or [], now["sequences"], strict=True)
    gaps = [abs(a - b) for old, new in rows for a, b in zip(old["logprobs"], new["logprobs"], strict=True)]
    if not gaps:
        raise UserError("the log-prob record holds no tokens", expected="what engine.record wrote")
    same_weights = recorded.get("weights") == now.get("weights")
    return Difference(sum(gaps) / len(gaps), max(gaps), len(gaps), same_weights)


def served_as_trained(scorer: Scorer, recorded: Mapping[str, Any]) -> float:
    """Mean |Δ log-prob| (nats a token) of ``scorer`` to the record; hold it against ``FLOORS``."""
    return replay(scorer, recorded).mean


def score_all(scorer: Scorer, pairs: Sequence[Pair]) -> list[list[float]]:
    """Log-probs of each pair's completion, at once where the scorer can."""
    if isinstance(scorer, _ScoresMany):
        return scorer.score_many(pairs)
    return [scorer.score(prompt, completion) for prompt, completion in pairs]
