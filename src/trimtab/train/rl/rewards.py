"""What completions are worth: rewards that are checked by computing, a reward model's word, and weighted sums.

A reward is any ``(prompt, completions) -> one number each``; one that says more returns ``Grades``. All are pure.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from trimtab.records import Message, ToolSchema, UserError
from trimtab.text import citations, number_spans, numbers
from trimtab.text.claims import claims, sentence_spans
from trimtab.train.grounding.spans import (
    evidence_of,
    span_penalty,
    token_offsets,
    unsupported_spans,
)
from trimtab.train.rl.arithmetic import evaluate
from trimtab.train.rl.rollout import Completion, Prompt, Reader

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)


class Grades(NamedTuple):
    """Rewards of one prompt's completions."""

    reward: list[float]
    parts: Mapping[str, list[float]] = {}
    """What they are made of, by name."""
    tokens: list[list[float]] | None = None
    """Rewards of single tokens, which are earned besides ``reward``."""


class Reward(Protocol):
    """What grades completions."""

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> Grades | Sequence[float]:
        """A number for each completion."""


def grade(reward: Reward, prompt: Prompt, completions: Sequence[Completion]) -> Grades:
    """The reward's answer, checked. Raises UserError where it is not a finite number for each completion."""
    given = reward(prompt, completions)
    grades = given if isinstance(given, Grades) else Grades([float(value) for value in given])
    lists = [grades.reward, *grades.parts.values()]
    numbers_each = [value for values in (*lists, *(grades.tokens or ())) for value in values]
    lengths_agree = all(len(values) == len(completions) for values in lists) and (
        grades.tokens is None
        or [len(values) for values in grades.tokens] == [len(completion.token_ids) for completion in completions]
    )
    if not lengths_agree or not all(abs(value) < float("inf") for value in numbers_each):
        raise UserError(
            f"the reward {reward_name(reward)} gave {given!r:.200}",
            field="reward",
            expected=f"{len(completions)} finite numbers",
        )
    return grades


def reward_name(reward: Any) -> str:
    """What tells one reward from another across processes: its name and settings, never an address."""
    if isinstance(reward, partial):
        settings: dict[Any, Any] = dict(enumerate(reward.args)) | reward.keywords
        return f"{reward_name(reward.func)}({_settings(settings)})"
    if isinstance(known := getattr(reward, "digest", None), str):
        return f"{type(reward).__qualname__}:{known}"
    if is_dataclass(reward) and not isinstance(reward, type):
        values = {part.name: getattr(reward, part.name) for part in fields(reward)}
        return f"{type(reward).__qualname__}({_settings(values)})"
    if isinstance(reward, Mapping):
        return "{" + _settings(reward) + "}"
    if isinstance(reward, (list, tuple)):
        return "[" + ", ".join(map(reward_name, reward)) + "]"
    if reward is None or isinstance(reward, (str, int, float)):
        return repr(reward)
    named = reward if hasattr(reward, "__qualname__") else type(reward)
    return f"{named.__module__}.{named.__qualname__}"


def _settings(values: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name}={reward_name(value)}" for name, value in values.items())


@dataclass(frozen=True, slots=True)
class Weighted:
    """Σ weight · reward, by name; every part is kept, and rewards of single tokens add up likewise."""

    terms: Mapping[str, tuple[float, Reward]]

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> Grades:
        total, parts = [0.0] * len(completions), dict[str, list[float]]()
        tokens: list[list[float]] | None = None
        for name, (weight, reward) in self.terms.items():
            grades = grade(reward, prompt, completions)
            total = [sum_ + weight * value for sum_, value in zip(total, grades.reward, strict=True)]
            parts[name] = grades.reward
            parts |= {f"{name}.{inner}": values for inner, values in grades.parts.items()}
            if grades.tokens is not None:
                tokens = tokens or [[0.0] * len(completion.token_ids) for completion in completions]
                tokens = [
                    [sum_ + weight * value for sum_, value in zip(before, more, strict=True)]
                    for before, more in zip(tokens, grades.tokens, strict=True)
                ]
        return Grades(total, parts, tokens)


def weighted(terms: Mapping[str, tuple[float, Reward]]) -> Weighted:
    """``{name: (weight, reward)}`` as one reward. Raises UserError where there is no term."""
    if not terms:
        raise UserError("a weighted reward needs a term", field="reward")
    return Weighted(dict(terms))


class _Single:
    """A reward that looks at one completion at a time."""

    __slots__ = ()

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> list[float]:
        return [float(self.one(prompt, completion)) for completion in completions]

    def one(self, prompt: Prompt, completion: Completion) -> float:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RightRoute(_Single):
    """1 where the set of called tools is the expected one, the empty set included: ``facts["tools"]``, or the names
    in ``facts["calls"]``. A call that cannot be read is wrong."""

    def one(self, prompt: Prompt, completion: Completion) -> float:
        expected = prompt.facts.get("tools")
        if expected is None:
            expected = [call["name"] for call in prompt.facts.get("calls", ())]
        called = {call.name for call in completion.message.tool_calls}
        return float(not completion.malformed and called == set(expected))


@dataclass(frozen=True, slots=True)
class RightResult(_Single):
    """1 where the completion's arithmetic comes to ``facts["answer"]`` (or to what the expression in
    ``facts["calls"]`` does): the ``argument`` of its last call to ``tool``, else the last number of its text."""

    tool: str = "calculator"
    argument: str = "expression"
    tolerance: float = 1e-6
    """Relative, and absolute near zero."""

    def one(self, prompt: Prompt, completion: Completion) -> float:
        expected, got = self._expected(prompt.facts), self._got(completion)
        if expected is None or got is None:
            return 0.0
        return float(abs(got - expected) <= self.tolerance * max(1.0, abs(expected)))

    def _expected(self, facts: Mapping[str, Any]) -> float | None:
        if (answer := facts.get("answer")) is not None:
            return float(answer) if isinstance(answer, (int, float)) else _last_number(str(answer))
        return self._called([(call["name"], call["arguments"]) for call in facts.get("calls", ())])

    def _got(self, completion: Completion) -> float | None:
        calls = [(call.name, call.arguments) for call in completion.message.tool_calls]
        if any(name == self.tool for name, _ in calls):
            return self._called(calls)
        return None if calls or completion.malformed else _last_number(completion.message.content)

    def _called(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> float | None:
        asked = [arguments.get(self.argument) for name, arguments in calls if name == self.tool]
        return evaluate(asked[-1]) if asked and isinstance(asked[-1], str) else None


@dataclass(frozen=True, slots=True)
class RightFormat(_Single):
    """1 where every condition that is given holds."""

    pattern: str | None = None
    """Python's; the whole text must match."""
    json: bool = False
    """The text is one JSON value."""
    max_tokens: int | None = None
    """With the end of turn."""
    finished: bool = True
    """It ended its turn itself, and left no half call."""

    def one(self, prompt: Prompt, completion: Completion) -> float:
        text = completion.text.strip()
        return float(
            (self.pattern is None or re.fullmatch(self.pattern, text, re.DOTALL) is not None)
            and (not self.json or _is_json(text))
            and (self.max_tokens is None or len(completion.token_ids) <= self.max_tokens)
            and (not self.finished or (completion.finish == "stop" and not completion.malformed))
        )


@dataclass(frozen=True, slots=True)
class GroundedCitation(_Single):
    """On a prompt with passages: 1 where the answer claims something, cites, every cited id is a passage's, and what
    it says stands there (``grounding.unsupported_spans``); ``facts["answerable"]`` false turns it round: 1 where
    nothing is claimed. Without passages 1 where nothing is cited."""

    def one(self, prompt: Prompt, completion: Completion) -> float:
        evidence, text = evidence_of(prompt.messages), completion.message.content
        cited = citations(text)
        if not evidence.passages:
            return float(not cited)
        claimed = any(claims(text[start:end]) for start, end in sentence_spans(text))
        if prompt.facts.get("answerable") is False:
            return float(bool(text.strip()) and not claimed and not cited)
        known = bool(cited) and all(name in evidence.passages for name in cited)
        return float(claimed and known and not unsupported_spans(text, evidence.passages, evidence.given))


@dataclass(frozen=True, slots=True)
class UngroundedSpans:
    """``−penalty`` on every token of a span that no cited passage supports; the sequence itself earns nothing."""

    dialect: Reader = field(repr=False)
    penalty: float = 1.0

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> Grades:
        evidence = evidence_of(prompt.messages)
        tokens, share = [], []
        for completion in completions:
            spoken = completion.token_ids[:-1] if completion.finish == "stop" else completion.token_ids
            text, offsets = token_offsets(spoken, self.dialect.decode)
            price = span_penalty(offsets, unsupported_spans(text, evidence.passages, evidence.given), self.penalty)
            tokens.append([*price.tolist(), *[0.0] * (len(completion.token_ids) - len(spoken))])
            share.append(sum(value != 0 for value in tokens[-1]) / len(tokens[-1]))
        return Grades([0.0] * len(completions), {"ungrounded_tokens": share}, tokens)


RunTests = Callable[[str, Any], float]
"""``(code, facts["tests"]) -> share that passed``; runs it in a sandbox, which is the caller's."""


@dataclass(frozen=True, slots=True)
class TestsPassed(_Single):
    """The share of ``facts["tests"]`` that the completion's code passes: its last fenced block, else all of it."""

    __test__ = False
    run: RunTests

    def one(self, prompt: Prompt, completion: Completion) -> float:
        blocks = _FENCE.findall(completion.text)
        return self.run(blocks[-1] if blocks else completion.text, prompt.facts.get("tests"))


class Judge(Protocol):
    """The part of ``train.RewardModel`` that rewards."""

    def score(
        self, prompt: Sequence[Message], completions: Sequence[Sequence[Message]], tools: Sequence[ToolSchema] = ()
    ) -> list[float]:
        """One number a completion."""


@dataclass(frozen=True, slots=True)
class ModelReward:
    """A reward model's word on what the completions mean."""

    model: Judge

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> list[float]:
        return self.model.score(prompt.messages, [(completion.message,) for completion in completions], prompt.tools)


def _last_number(text: str) -> float | None:
    spans = number_spans(text)
    if spans:
        return float(max(spans)[2])
    found = numbers(text)
    return float(found.pop()) if len(found) == 1 else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
