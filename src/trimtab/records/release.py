"""A Release: everything that shapes behaviour, and around it what was measured and decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trimtab.records.canonical import digest


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What shapes behaviour and nothing else: each field a digest, a text or a plain setting."""

    model: str
    """Artefact digest of the model folder (weights, config, tokenizer, chat template)."""
    chat_template: str
    """Digest of the chat template as served (the dialect)."""
    system_prompt: str
    decoding: Mapping[str, Any] = field(default_factory=dict)
    tools: str = ""
    policy: str = ""
    guards: str = ""
    index: str = ""
    precision: str = "f32"
    adapter: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def digest(self) -> str:
        return digest(self.to_json())


@dataclass(frozen=True, slots=True)
class Check:
    """One gate check: what was compared, by how much, and whether it let the candidate pass."""

    name: str
    kind: Literal["non_inferiority", "superiority", "regression", "overfitting", "absolute", "unscored", "hard_stop"]
    passed: bool
    reason: str
    delta: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    margin: float | None = None
    n: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """``passed`` when every check passed; ``blocked`` otherwise, a missing metric included."""

    verdict: Literal["passed", "blocked"]
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "checks": [check.to_json() for check in self.checks]}


@dataclass(frozen=True, slots=True)
class Release:
    """A manifest. Its id is the behaviour's digest: no clock, no score in it."""

    behaviour: Behaviour
    parents: tuple[str, ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    scorecard: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    changelog: str = ""
    base_model: str = ""
    license: str = ""
    logprob_record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return self.behaviour.digest

    def to_json(self) -> dict[str, Any]:
        row = {name: getattr(self, name) for name in self.__slots__ if name != "behaviour"}
        row["parents"], row["steps"] = list(self.parents), [dict(step) for step in self.steps]
        return {"behaviour": self.behaviour.to_json(), **row}


def release_from_json(row: Mapping[str, Any]) -> Release:
    """The inverse of ``Release.to_json``."""
    fields = dict(row)
    return Release(
        behaviour=Behaviour(**fields.pop("behaviour")),
        parents=tuple(fields.pop("parents")),
        steps=tuple(fields.pop("steps")),
        **fields,
    )
