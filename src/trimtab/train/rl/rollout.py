"""What reinforcement learning samples: prompts with what verifiers may know, completions, and their files.

``work/rollouts/step-XXXXXXXX.jsonl.gz`` holds one set of rollouts: a first line that says which run and state it came
from, then a line a prompt with each completion's text, tokens, reward and log-probs, for people to read and for the
run to use again. Axes: N tokens of a completion.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from trimtab.records import Example, Message, ToolSchema, UserError, digest, write_bytes
from trimtab.train.forest.batch import Group, TokenSequence


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation that the assistant goes on with. ``facts`` are for verifiers, such as ``answer`` or ``tools``."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Digest of the content, facts included: another answer is another task."""
        return digest(
            {
                "messages": [message.to_json() for message in self.messages],
                "tools": [dict(tool) for tool in self.tools],
                "facts": dict(self.facts),
            }
        )


def prompt_of(example: Example) -> Prompt:
    """The conversation before its last assistant turn; the facts are the labels, and ``calls`` and ``content`` of
    the turn that was cut. Raises UserError where nothing is before it."""
    last = max(place for place, message in enumerate(example.messages) if message.role == "assistant")
    if last == 0:
        raise UserError("nothing stands before the assistant's turn", field="messages")
    turn = example.messages[last]
    calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in turn.tool_calls]
    return Prompt(example.messages[:last], example.tools, {"calls": calls, "content": turn.content, **example.labels})


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled turn, as rewards see it. ``text`` is without the end of turn, ``token_ids`` are with it."""

    text: str
    message: Message
    token_ids: tuple[int, ...]
    finish: Literal["stop", "length"]
    malformed: bool = False
    """The text tries to call a tool in a form that cannot be read."""


class Reader(Protocol):
    """The part of ``model.Dialect`` that reads completions."""

    @property
    def stop_ids(self) -> tuple[int, ...]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def parse(self, text: str) -> Message: ...

    def malformed(self, text: str) -> bool: ...


def read_completion(ids: Sequence[int], finish: Literal["stop", "length"], dialect: Reader) -> Completion:
    """The completion that sampled tokens spell."""
    text = dialect.decode(ids[:-1] if finish == "stop" else ids)
    return Completion(text, dialect.parse(text), tuple(ids), finish, dialect.malformed(text))


@dataclass(frozen=True, slots=True)
class Rolled:
    """One completion with all that training needs of it; the lists hold a number for each token."""

    token_ids: tuple[int, ...]
    finish: Literal["stop", "length"]
    text: str
    reward: float
    parts: Mapping[str, float]
    """What the reward is made of, by name."""
    engine_logp: tuple[float, ...]
    token_reward: tuple[float, ...] | None = None
    reference_logp: tuple[float, ...] | None = None
    policy_logp: tuple[float, ...] | None = None
    """The trainer's own log-probs at the time of sampling, where the rollouts are used more than once."""


@dataclass(frozen=True, slots=True)
class RolledGroup:
    """The completions of one prompt, which is ``number`` among the run's."""

    number: int
    prompt_id: str
    completions: tuple[Rolled, ...]


def token_group(group: RolledGroup, prompt_ids: Sequence[int], most: float | None = None) -> Group:
    """The completions as token sequences that score every sampled token.

    ``most`` weighs tokens by ``min(π_policy / π_engine, most)`` where the policy's own log-probs are known.
    """
    return tuple(
        _sequence(rolled, prompt_ids, name, most)
        for rolled, name in zip(group.completions, completion_ids(group), strict=True)
    )


def _sequence(rolled: Rolled, prompt_ids: Sequence[int], example_id: str, most: float | None) -> TokenSequence:
    weight_L = np.ones(len(prompt_ids) + len(rolled.token_ids), np.float32)
    weight_L[: len(prompt_ids)] = 0
    if most is not None and rolled.policy_logp is not None:
        ratio_N = np.exp(np.subtract(rolled.policy_logp, rolled.engine_logp))
        weight_L[len(prompt_ids) :] = np.minimum(ratio_N, most).clip(np.finfo(np.float32).tiny)
    return TokenSequence(
        np.array([*prompt_ids, *rolled.token_ids], np.int64),
        weight_L,
        example_id,
        reward=rolled.reward,
        reference_N=_array(rolled.reference_logp),
        behaviour_N=_array(rolled.policy_logp or rolled.engine_logp),
        bonus_N=_array(rolled.token_reward),
    )


def _array(values: tuple[float, ...] | None) -> Any:
    return None if values is None else np.array(values, np.float64)


def completion_ids(group: RolledGroup) -> list[str]:
    """A name for each completion, its own within a set of rollouts."""
    return [f"{group.number}/{k}/{group.prompt_id}" for k in range(len(group.completions))]


def with_logp(
    groups: Sequence[RolledGroup], name: Literal["reference_logp", "policy_logp"], logp: Sequence[Sequence[float]]
) -> list[RolledGroup]:
    """The groups with ``logp`` (one list a completion, in order) under ``name``."""
    parts = iter(logp)

    def joined(rolled: Rolled) -> Rolled:
        fresh = tuple(next(parts))
        return replace(rolled, reference_logp=fresh) if name == "reference_logp" else replace(rolled, policy_logp=fresh)

    return [replace(group, completions=tuple(map(joined, group.completions))) for group in groups]


class RolloutFiles:
    """Sets of rollouts in a folder, each written whole before it is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, number: int) -> Path:
        return self._folder / f"step-{number:08d}.jsonl.gz"

    def write(self, number: int, run: str, key: str, groups: Sequence[RolledGroup]) -> None:
        """``run`` and ``key`` name the run and its state that the rollouts are a function of. Raises UserError."""
        lines = [{"run": run, "key": key}, *(asdict(group) for group in groups)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_bytes(self.path(number), gzip.compress(text.encode(), mtime=0))

    def read(self, number: int, run: str, key: str | None = None) -> list[RolledGroup] | None:
        """The set, to the last bit as it was written; None where there is none, or another ``run``'s or ``key``'s."""
        file = self.path(number)
        if not file.is_file():
            return None
        head, *lines = gzip.decompress(file.read_bytes()).decode().removesuffix("\n").split("\n")
        told = json.loads(head)
        if told["run"] != run or (key is not None and told["key"] != key):
            return None
        return [_group(json.loads(line)) for line in lines]


def _group(row: dict[str, Any]) -> RolledGroup:
    return RolledGroup(row["number"], row["prompt_id"], tuple(map(_rolled, row["completions"])))


def _rolled(row: dict[str, Any]) -> Rolled:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Rolled(**values)
