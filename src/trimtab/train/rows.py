"""Examples and comparisons to token sequences, through the model's dialect."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from trimtab.model import Encoded
from trimtab.records import Comparison, Example, Message, ToolSchema, UserError
from trimtab.train.batch import Group, TokenSequence
from trimtab.train.config import TrainConfig

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
    rows: Iterable[Row],
    make: Callable[[Row], Group],
    config: TrainConfig,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Group], tuple[str, ...]]:
    """The rows as groups, and a note for each row that was dropped.

    Raises UserError on a row that cannot be trained on, unless the configuration says to drop such rows, and when no
    row is left.
    """
    groups: list[Group] = []
    dropped: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            group = make(row)
            _check(group, config.max_tokens)
            groups.append(group)
        except UserError as error:
            name = f"row {number} ({getattr(row, 'id', '')[:12]})"
            if config.bad_rows == "stop":
                raise UserError(
                    f"{name}: {error.message}",
                    field=error.field,
                    expected=error.expected,
                    fix=error.fix or "Mend the row, or set bad_rows to drop",
                ) from error
            dropped.append(f"dropped {name}: {error.message}")
        advance()
    if not groups:
        raise UserError("no row to train on", expected="at least one usable row", fix="; ".join(dropped[:3]))
    return groups, tuple(dropped)


def _check(group: Group, max_tokens: int) -> None:
    """Raises UserError where a sequence has nothing to learn or is too long."""
    if not all(len(sequence.scored_N) for sequence in group):
        raise UserError("no assistant turn to learn from", field="messages")
    longest = max(len(sequence.ids_L) for sequence in group)
    if longest > max_tokens:
        raise UserError(
            f"{longest} tokens",
            expected=f"at most {max_tokens} (max_tokens)",
            fix="Raise max_tokens, shorten the row, or set bad_rows to drop",
        )


def _sequence(encoded: Encoded, example_id: str, label: int = 0, skip: int = 0) -> TokenSequence:
    weight_L = np.array(encoded.trained, dtype=np.float32)
    weight_L[:skip] = 0
    return TokenSequence(np.array(encoded.ids, dtype=np.int64), weight_L, example_id, label)
