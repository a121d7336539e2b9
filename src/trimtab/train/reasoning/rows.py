"""Chats with reasoning as token sequences: each turn is taught its own, and sees the turns before it without theirs.

That is how serving prompts: a reply's reasoning is taken off before the reply joins the history. A row with reasoning
in k turns is a group of k sequences, and one more for the turns without; their common beginning is computed once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from trimtab.model import Encoded
from trimtab.records import Example, Message, ToolSchema, UserError
from trimtab.train.config import SftConfig
from trimtab.train.forest.batch import Group, TokenSequence
from trimtab.train.rows import TurnEncoder, example_group, groups_of, row_weight


class ReplyEncoder(TurnEncoder, Protocol):
    """The part of ``model.Dialect`` that teaching with reasoning needs."""

    def encode_reply(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        """Token ids up to the last turn's end, that turn's reasoning spelled and the turn alone trained."""


def has_reasoning(turn: Message) -> bool:
    return turn.role == "assistant" and bool((turn.reasoning or "").strip())


def stripped(example: Example) -> Example:
    """The row without reasoning."""
    return replace(example, messages=tuple(replace(turn, reasoning=None) for turn in example.messages))


def usable(examples: Sequence[Example], dialect: ReplyEncoder, config: SftConfig) -> list[Example]:
    """The rows that can be taught with their reasoning, and so without it too.

    Raises UserError as ``rows.groups_of``, before anything is trained, where the configuration says to stop at others.
    """

    def fits(row: Example) -> bool:
        try:
            groups_of([row], lambda row: reasoned_group(row, dialect), config)
        except UserError:
            return False
        return True

    if config.bad_rows == "stop":
        groups_of(examples, lambda row: reasoned_group(row, dialect), config)
        return list(examples)
    return [row for row in examples if fits(row)]


def reasoned_group(example: Example, dialect: ReplyEncoder) -> Group:
    """The row with reasoning kept; as ``rows.example_group`` where it has none. Raises UserError."""
    places = [place for place, turn in enumerate(example.messages) if has_reasoning(turn)]
    plain = example_group(example, dialect)
    if not places:
        return plain
    weight, name = row_weight(example), plain[0].example_id
    kept = []
    for place in places:
        encoded = dialect.encode_reply(example.messages[: place + 1], example.tools)
        weight_L = np.array(encoded.trained, np.float32) * np.float32(weight)
        ids_L = np.array(encoded.ids, np.int64)
        kept.append(TokenSequence(ids_L, weight_L, f"{name}/{place}", importance=plain[0].importance))
    rest = _without(plain[0], example, places)
    return (*((rest,) if len(rest.scored_N) else ()), *kept)


def _without(plain: TokenSequence, example: Example, places: Sequence[int]) -> TokenSequence:
    """The whole row, learning only the turns that have no reasoning: the k-th run of weights is the k-th turn's."""
    assistants = [place for place, turn in enumerate(example.messages) if turn.role == "assistant"]
    trained_L = plain.weight_L > 0
    run_L = np.cumsum(np.diff(trained_L, prepend=False) & trained_L)
    weight_L = plain.weight_L.copy()
    for number, place in enumerate(assistants, start=1):
        if place in places:
            weight_L[run_L == number] = 0
    assert run_L[-1] == len(assistants), "each assistant turn is one run of trained tokens"
    return replace(plain, weight_L=weight_L)
