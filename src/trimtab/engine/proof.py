"""The proof that an engine still is what was recorded: short exchanges of our own, scored again at every load."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.engine.core import Engine
from trimtab.engine.served import FLOORS, Pair, difference, record
from trimtab.engine.setting import setting_of
from trimtab.model.dialect import Dialect
from trimtab.records import Message

FORMAT = 2
"""Of the record. Others are taken for none, so that a new one is made."""
EXCHANGES = (
    ("What is the capital of France?", "The capital of France is Paris, on the river Seine."),
    ("How long does an egg take to boil?", "Eight minutes in boiling water, then a minute under the cold tap."),
    ("Which colours make green?", "Blue and yellow mixed together make green."),
    ("Why is the sky blue?", "Air scatters the short waves of sunlight more than the long ones."),
    ("12 times 12?", "12 × 12 = 144."),
    ("Say 'good morning' in Spanish.", "'Good morning' is 'buenos días' in Spanish."),
    ("Can I return the lamp that I bought last month?", "Yes, within thirty days, with the receipt. [p1]"),
    ("Look up order 8812.", '{"name": "find_order", "arguments": {"number": 8812}}'),
)
"""Ours, not a workspace's: a record is published with its release, and sealed cases must not be."""
_ARITHMETIC = {"int8": "bf16", "int4": "bf16"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of a release: what it expected and what it found, in words for a person."""

    check: str
    passed: bool
    expected: str
    found: str


def probes(dialect: Dialect) -> list[Pair]:
    """``(prompt_ids, completion_ids)`` of each exchange, as this dialect writes it."""
    pairs: list[Pair] = []
    for question, answer in EXCHANGES:
        turns = (Message("user", question), Message("assistant", answer))
        prompt = dialect.encode(turns[:1], reply=True)
        pairs.append((prompt, dialect.encode(turns)[len(prompt) :]))
    return pairs


def prove(engine: Engine, dialect: Dialect) -> dict[str, Any]:
    """The record of an engine just opened, one exchange after the other: what it is busy with may change a bit."""
    return {
        "format": FORMAT,
        "precision": engine.caps.precision,
        "template": dialect.digest,
        "setting": setting_of(engine),
        **record(_OneByOne(engine), probes(dialect)),
    }


def usable(recorded: Mapping[str, Any]) -> bool:
    """Whether ``check_record`` can hold anything against this: a record of this format that has tokens."""
    return recorded.get("format") == FORMAT and bool(recorded.get("sequences"))


def check_record(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    """Two records, check by check: the later ones mean something only where the earlier ones passed."""
    server, recorded_server = now["setting"].get("server"), recorded["setting"].get("server")
    for check, field in (("weights", "weights"), ("precision", "precision"), ("chat template", "template")):
        if field == "weights" and server != recorded_server:
            continue  # a server names its weights as it likes: its log-probs say whether they are these
        yield same(check, recorded[field], now[field])
    equal = _ids(recorded) == _ids(now)
    yield Finding("tokens", equal, "the recorded token ids", "the same" if equal else "others")
    gap, precision = difference(recorded, now), str(now["precision"])
    found = f"mean |Δ| {gap.mean:.3g}, largest {gap.largest:.3g} nats over {gap.tokens} tokens"
    if recorded["setting"] == now["setting"] and server is None:
        yield Finding("log-probs", gap.largest == 0.0, "those recorded in this setting, bit for bit", found)
    else:
        floor = 2 * _floor(_ARITHMETIC.get(precision, precision))  # each setting is within one of the exact value
        yield Finding("log-probs", gap.mean <= floor, f"mean |Δ| at most {floor:g} nats to another setting", found)


def check_trained(trained: Mapping[str, Any], now: Mapping[str, Any]) -> Finding:
    """The engine's record against the trainer's, within the floor of its precision."""
    gap, floor = difference(trained, now), _floor(str(now["precision"]))
    expected = f"mean |Δ| at most {floor:g} nats"
    return Finding("trainer's log-probs", gap.mean <= floor, expected, f"{gap.mean:.3g} nats over {gap.tokens} tokens")


def same(check: str, expected: object, found: object) -> Finding:
    """Two digests or names that must be equal, shown by their first characters."""
    return Finding(check, expected == found, str(expected)[:12] or "none", str(found)[:12] or "none")


class _OneByOne:
    """An engine that scores each exchange alone, so that it is batched as it was when it was recorded."""

    def __init__(self, engine: Engine) -> None:
        self.weights, self._engine = engine.weights, engine

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        return self._engine.score(prompt_ids, completion_ids)


def _ids(recorded: Mapping[str, Any]) -> list[tuple[list[int], list[int]]]:
    return [(list(row["prompt"]), list(row["completion"])) for row in recorded["sequences"]]


def _floor(precision: str) -> float:
    return FLOORS.get(precision, FLOORS["bf16"])
