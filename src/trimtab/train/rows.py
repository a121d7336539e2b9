"""Examples and comparisons to token sequences, through the model's dialect."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from trimtab.model import Encoded
from trimtab.records import Comparison, Example, Message, ToolSchema, UserError
from trimtab.train.batch import Group, TokenSequence

Row = TypeVar("Row")


class TurnEncoder(Protocol):
    """The part of ``model.Dialect`` that training needs."""

    def encode_turns(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        """Token ids with the mask of what the assistant says."""


def example_group(example: Example, dialect: TurnEncoder) -> Group:
    """One sequence that learns every assistant turn; hard negatives (``rejected``) are left to the preference step."""
    return (_sequence(dialect.encode_turns(example.messages, example.tools), example.id),)


def comparison_group(comparison: Comparison, dialect: TurnEncoder) -> Group:
    """Chosen and rejected over one prompt: the prompt's own assistant turns are read, not scored. Raises UserError."""
    prompt = dialect.encode_turns(comparison.prompt, comparison.tools).ids
    sides = ((1, "chosen", comparison.chosen), (-1, "rejected", comparison.rejected))
    sequences = []
    for label, name, turns in sides:
        encoded = dialect.encode_turns((*comparison.prompt, *turns), comparison.tools)
        if encoded.ids[: len(prompt)] != prompt:
            raise UserError("the chat template rewrites the prompt once an answer follows", field=name)
        sequences.append(_sequence(encoded, f"{comparison.id}/{name}", label, skip=len(prompt)))
    return tuple(sequences)


def groups_of(
    rows: Iterable[Row], make: Callable[[Row], Group], max_tokens: int, advance: Callable[[], None] = lambda: None
) -> tuple[list[Group], int]:
    """The rows that fit as groups, and the number of those left out because one side is longer than ``max_tokens``.

    Raises UserError, with the row's number, on a row without anything to learn, and when no row fits.
    """
    groups: list[Group] = []
    too_long = 0
    for number, row in enumerate(rows, start=1):
        group = make(row)
        if not all(len(sequence.scored_N) for sequence in group):
            raise UserError(f"row {number} has no assistant turn to learn from", field="messages")
        if max(len(sequence.ids_L) for sequence in group) > max_tokens:
            too_long += 1
        else:
            groups.append(group)
        advance()
    if not groups:
        raise UserError(
            "no row to train on",
            expected=f"at least one row of at most {max_tokens} tokens ({too_long} are longer)",
            fix="Add rows, or raise max_tokens",
        )
    return groups, too_long


def _sequence(encoded: Encoded, example_id: str, label: int = 0, skip: int = 0) -> TokenSequence:
    weight_L = np.array(encoded.trained, dtype=np.float32)
    weight_L[:skip] = 0
    return TokenSequence(np.array(encoded.ids, dtype=np.int64), weight_L, example_id, label)
