"""A taught model asked held-out questions: its own answers, and how likely the right one is after its own reasoning.

Axes: N tokens of an answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.memory import give_back
from trimtab.engine.rollouts import Draw, RolloutSampler
from trimtab.model import Dialect, load
from trimtab.records import Example, Message
from trimtab.text import normalise, number_spans
from trimtab.train.forest.precision import Precision
from trimtab.train.processes.world import world

_THOUGHT = "</think>"


@dataclass(frozen=True, slots=True)
class Mark:
    """One answer. ``probability`` is that of the right answer, a token (the geometric mean over its tokens), after
    the prompt and whatever reasoning the model itself wrote; 0 where that reasoning did not end in time."""

    exact: bool
    probability: float
    tokens: int
    """Generated, reasoning included."""


def examine(folder: Path, probes: Sequence[Example], dialect: Dialect, tokens: int, numbers: Precision) -> list[Mark]:
    """Greedy answers to all but the last turn of each row, marked against that turn."""
    model: Any = load(folder)
    model.to(world().device)
    prompts = [tuple(dialect.encode(row.messages[:-1], row.tools, reply=True)) for row in probes]
    sampler = RolloutSampler(model, dtype=numbers.compute, stop_ids=dialect.stop_ids)
    groups = sampler.sample(prompts, [(place,) for place in range(len(probes))], 1, Draw(tokens, 0.0))
    marks = []
    for row, prompt, (rollout,) in zip(probes, prompts, groups, strict=True):
        ids = rollout.token_ids[:-1] if rollout.finish == "stop" else rollout.token_ids
        exact = same(dialect.parse(dialect.decode(ids)), dialect.canonical(row.messages[-1]))
        marks.append(Mark(exact, _probability(model, dialect, prompt, ids, row), len(rollout.token_ids)))
    del model, sampler
    give_back()
    return marks


def same(answer: Message, right: Message) -> bool:
    """Whether two answers say and call the same: reasoning, case and punctuation apart.

    Where the right answer ends in a number, its last number alone has to be the answer's.
    """
    calls = [[(call.name, dict(call.arguments)) for call in turn.tool_calls] for turn in (answer, right)]
    if calls[0] != calls[1]:
        return False
    said, expected = number_spans(answer.content), number_spans(right.content)
    if expected and not normalise(right.content[expected[-1][1] :]):
        return bool(said) and said[-1][2] == expected[-1][2]
    if [number for *_, number in said] != [number for *_, number in expected]:
        return False  # the normal form knows no signs and no decimal points
    if not (form := normalise(right.content)):
        return answer.content.split() == right.content.split()
    return normalise(answer.content) == form


def _probability(model: Any, dialect: Dialect, prompt: Sequence[int], ids: Sequence[int], row: Example) -> float:
    turn = _turn(dialect, row)
    thought, right = _thought(dialect, ids, turn)
    if right is None:
        return 0.0
    total = _logp(model, [*prompt, *thought], right)
    return math.exp(total / max(1, len(dialect.ids(turn))))


def _turn(dialect: Dialect, row: Example) -> str:
    """The right answer as the dialect writes it, its end of turn included."""
    encoded = dialect.encode_turns(row.messages, row.tools)
    end = len(encoded.trained) - encoded.trained[::-1].index(True)
    start = next(place for place in range(end, 0, -1) if not encoded.trained[place - 1])
    return dialect.decode(encoded.ids[start:end])


def _thought(dialect: Dialect, ids: Sequence[int], turn: str) -> tuple[Sequence[int], list[int] | None]:
    """The reasoning's own tokens and those of the right answer after it; None where the reasoning never ends."""
    text = dialect.decode(ids)
    if not text.lstrip().startswith("<think>"):
        return (), dialect.ids(turn)
    if _THOUGHT not in text:
        return (), None
    end = next(n for n in range(1, len(ids) + 1) if _THOUGHT in dialect.decode(ids[:n]))
    said = dialect.decode(ids[:end]).split(_THOUGHT, 1)[1]
    whole = "\n\n" + turn
    return ids[:end], dialect.ids(whole.removeprefix(said) if whole.startswith(said) else turn)


@torch.no_grad()
def _logp(model: Any, before: Sequence[int], right: Sequence[int]) -> float:
    """Σ log p of the tokens of ``right``, in nats."""
    ids = torch.tensor([[*before, *right[:-1]]], device=model.device)
    logits_NV = model(input_ids=ids, use_cache=False, logits_to_keep=len(right)).logits[0].float()
    target_N1 = torch.tensor(right, device=model.device)[:, None]
    return float(logits_NV.log_softmax(-1).gather(1, target_N1).sum())
