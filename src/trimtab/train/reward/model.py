"""A reward model at work: what an answer is worth, and which of two is better. Axes: M sequences, L tokens."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from trimtab.model import Dialect, is_reward, load_reward, weights_digest
from trimtab.records import Message, ToolSchema, UserError
from trimtab.train.config import PrecisionSetting
from trimtab.train.forest.batch import Group, Ints, TokenSequence
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import Scorer, choose_reward_scorer

_PROBE = tuple(
    (Message("user", "Which of these is right? " * 8), Message("assistant", answer)) for answer in ("This one.", "That")
)


class RewardModel:
    """The reward model of ``folder``: rewards of answers, as judge and as reward of RL.

    Only differences between answers to one prompt mean anything: σ(r_a − r_b) is the probability that a is preferred
    (Bradley & Terry 1952). Raises UserError where the folder holds a language model without a head.
    """

    def __init__(self, folder: Path, *, setting: PrecisionSetting = "auto", token_budget: int = 4096) -> None:
        if not is_reward(folder):
            raise UserError(
                "the folder holds a language model, not a reward model",
                file=folder,
                fix="Train one with method: reward",
            )
        numbers = precision(setting)
        model = load_reward(folder, dtype=str(numbers.parameters).removeprefix("torch."))
        self.digest = weights_digest(folder)
        self._dialect = Dialect.of(folder)
        self._ends = Ends(self._dialect, model.config.pad_token_id)
        self._budget = token_budget
        probe: Group = tuple(_read(self._dialect.encode(turns)) for turns in _PROBE)
        self._score, self.share, self.reason = choose_reward_scorer(model, numbers, [probe])

    def score(
        self,
        prompt: Sequence[Message],
        completions: Sequence[Sequence[Message]],
        tools: Sequence[ToolSchema] = (),
    ) -> list[float]:
        """The reward of each completion of ``prompt``. Raises UserError where the dialect cannot write one."""
        rows = [self._dialect.encode((*prompt, *turns), tools) for turns in completions]
        return self.score_ids([tuple(_read(row) for row in rows)])

    def score_ids(self, groups: Sequence[Group]) -> list[float]:
        """The reward of each sequence, group by group, from its tokens; only ``ids_L`` counts.

        A sequence that stops at its last answer's end of turn, or was cut before it, is closed as the dialect would
        close it: a rollout and the message it spells have the same reward.
        """
        closed = [tuple(self._ends.closed(sequence) for sequence in group) for group in groups]
        return values(self._score, closed, self._budget, share=self.share)

    def prefer(
        self, prompt: Sequence[Message], a: Sequence[Message], b: Sequence[Message], tools: Sequence[ToolSchema] = ()
    ) -> float:
        """The probability that ``a`` is preferred to ``b``; swapping them gives 1 less it."""
        first, second = self.score(prompt, (a, b), tools)
        return 1 / (1 + math.exp(min(second - first, 700.0)))


class Ends:
    """Where a sequence's reward is read: its last token that does not pad, as transformers' classifiers do."""

    def __init__(self, dialect: Dialect, pad: int | None) -> None:
        turns = dialect.encode(_PROBE[0])
        stop = dialect.stop_ids[0]
        self._stops = np.array(dialect.stop_ids)
        self._close = np.array(turns[len(turns) - 1 - turns[::-1].index(stop) :], np.int64)
        self._pad = pad

    def closed(self, sequence: TokenSequence) -> TokenSequence:
        """The sequence with its last turn ended, then cut to where it is read."""
        ids, close = sequence.ids_L, self._close
        if not np.array_equal(ids[-len(close) :], close):
            body = np.flatnonzero(~np.isin(ids, self._stops))
            ids = np.concatenate([ids[: body[-1] + 1 if len(body) else 0], close])
        return self.cut(_read(ids))

    def cut(self, sequence: TokenSequence) -> TokenSequence:
        """The sequence without the padding tokens at its end. Raises UserError where nothing is left."""
        kept = np.flatnonzero(sequence.ids_L != self._pad)
        if len(kept) == 0 or kept[-1] == 0:
            raise UserError("the sequence is nothing but padding tokens", expected="an answer after a prompt")
        end = kept[-1] + 1
        return replace(sequence, ids_L=sequence.ids_L[:end], weight_L=sequence.weight_L[:end])


def values(score: Scorer, groups: Sequence[Group], token_budget: int, *, share: bool) -> list[float]:
    """``Scores.value`` of each sequence, in order, packed by the budget with prefixes shared."""
    numbered, count = [], 0
    for group in groups:
        numbered.append(tuple(replace(sequence, example_id=str(count + i)) for i, sequence in enumerate(group)))
        count += len(group)
    found = [0.0] * count
    for batch in pack(numbered, token_budget, 1.0, share=share, ends=True):
        with torch.no_grad():
            value_M = score(batch).value
        assert value_M is not None
        for index, value in zip(batch.example_id, value_M.tolist(), strict=True):
            found[int(index)] = value
    return found


def _read(ids: Sequence[int] | Ints) -> TokenSequence:
    """Tokens that are only read; a weight on the last keeps the packing's rule that something is scored."""
    weight_L = np.zeros(len(ids), np.float32)
    weight_L[-1:] = 1
    return TokenSequence(np.asarray(ids, dtype=np.int64), weight_L)
