"""Rows to token sequences through the model's dialect: what the assistant says is learned, all else only read."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from trimtab.model import Encoded
from trimtab.records import Comparison, Example, Message, Ranked, ToolSchema, Unpaired, UserError
from trimtab.train.config import TrainConfig
from trimtab.train.forest.batch import Group, TokenSequence

Row = TypeVar("Row")
Trust = Mapping[str, float]
"""Weight of each annotator by name; who is not in it weighs 1."""
Turns = tuple[Message, ...]
_NAMED = 5
"""Bad rows that a message spells out."""


class TurnEncoder(Protocol):
    """The part of ``model.Dialect`` that training needs."""

    def encode_turns(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        """Token ids with the mask of what the assistant says."""


def example_group(example: Example, dialect: TurnEncoder) -> Group:
    """One sequence that learns every assistant turn, each token with the row's ``labels.weight``.

    Hard negatives (``rejected``) are left to the preference step. Raises UserError.
    """
    _check_said(example.messages, "messages")
    weight = row_weight(example)
    encoded = dialect.encode_turns(example.messages, example.tools)
    return (_sequence(encoded, example.id, scale=weight, importance=weight),)


def comparison_group(comparison: Comparison, dialect: TurnEncoder, trust: Trust | None = None) -> Group:
    """Chosen and rejected over one prompt: the prompt's own assistant turns are read, not scored.

    The margin is the chosen side's ``reward``, ``labels.probability`` what is sure of it. Raises UserError.
    """
    sides = {"chosen": comparison.chosen, "rejected": comparison.rejected}
    prompt, chosen, rejected = _encoded(comparison.prompt, sides, comparison.tools, dialect)
    if chosen.ids == rejected.ids:
        raise UserError("chosen and rejected are the same once encoded", field="rejected")
    importance = row_weight(comparison) * _trusted(comparison.annotators, trust or {})
    doubt = 1.0 - row_probability(comparison)
    given: tuple[tuple[str, Encoded, int, float], ...] = (
        ("chosen", chosen, 1, _margin(comparison)),
        ("rejected", rejected, -1, 0.0),
    )
    return tuple(
        _sequence(side, f"{comparison.id}/{name}", label, prompt, reward=reward, importance=importance, doubt=doubt)
        for name, side, label, reward in given
    )


def ranked_group(ranked: Ranked, dialect: TurnEncoder, trust: Trust | None = None) -> Group:
    """The K completions of one prompt, each with its score as ``reward``.

    Raises UserError where all scores are equal (in float32): labels so mixed say nothing.
    """
    scores = [_narrowed(score) for score in ranked.scores]
    if not all(map(math.isfinite, scores)):
        raise UserError("a score is beyond float32", field="scores", expected="finite numbers")
    if len(set(scores)) < 2:
        raise UserError(
            "mixed labels: all scores are equal, so nothing is preferred",
            field="scores",
            expected="at least two different scores",
        )
    sides = {f"completions[{k}]": turns for k, turns in enumerate(ranked.completions)}
    prompt, *answers = _encoded(ranked.prompt, sides, ranked.tools, dialect)
    importance = row_weight(ranked) * _trusted(ranked.annotators, trust or {})
    return tuple(
        _sequence(answer, f"{ranked.id}/{k}", 0, prompt, reward=score, importance=importance)
        for k, (answer, score) in enumerate(zip(answers, scores, strict=True))
    )


def preference_group(row: Comparison | Ranked, dialect: TurnEncoder, trust: Trust | None = None) -> Group:
    """A pair or a ranking as a group. Raises UserError."""
    make: Any = ranked_group if isinstance(row, Ranked) else comparison_group
    group: Group = make(row, dialect, trust)
    return group


def thumb_group(thumb: Unpaired, dialect: TurnEncoder) -> Group:
    """One judged completion, ``label`` +1 or -1. Raises UserError."""
    prompt, answer = _encoded(thumb.prompt, {"completion": thumb.completion}, thumb.tools, dialect)
    return (_sequence(answer, thumb.id, 1 if thumb.label else -1, prompt, importance=row_weight(thumb)),)


def row_weight(row: Example | Comparison | Ranked | Unpaired) -> float:
    """``labels.weight`` as float32 holds it, 1 where there is none. Raises UserError where it is not above 0."""
    given = row.labels.get("weight", 1.0)
    usable = isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < math.inf
    weight = _narrowed(given) if usable else 0.0
    if not 0 < weight < math.inf:
        raise UserError(f"{given!r} is no weight", field="labels.weight", expected="a finite number above 0")
    return weight


def row_probability(row: Comparison) -> float:
    """``labels.probability`` that chosen is the better side, 1 where there is none. Raises UserError."""
    given = row.labels.get("probability", 1.0)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise UserError(f"{given!r} is no probability", field="labels.probability", expected="a number from 0 to 1")
    return float(given)


def signal(row: Example | Comparison | Ranked | Unpaired) -> list[Any]:
    """What of a row shapes the weights beside its content: its id, and its labels that training reads."""
    soft = row.labels.get("probability")
    return [row.id, row.labels.get("weight"), *([] if soft is None else [soft])]


def groups_of(
    rows: Iterable[Row],
    make: Callable[[Row], Group],
    config: TrainConfig,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[Group], tuple[str, ...]]:
    """The rows as groups, and a note for each row that was dropped.

    Raises UserError that counts the rows that cannot be trained on and names the first, unless the configuration says
    to drop such rows; and when no row is left.
    """
    groups: list[Group] = []
    bad: list[tuple[str, UserError]] = []
    for number, row in enumerate(rows, start=1):
        try:
            group = make(row)
            _check(group, config.max_tokens)
            groups.append(group)
        except UserError as error:
            bad.append((f"row {number} ({getattr(row, 'id', '')[:12]})", error))
        advance()
    dropped = tuple(f"dropped {name}: {error}" for name, error in bad)
    if bad and config.bad_rows == "stop":
        raise _refusal(bad, len(groups) + len(bad))
    if not groups:
        raise UserError("no row to train on", expected="at least one usable row", fix="; ".join(dropped[:3]))
    return groups, dropped


def _refusal(bad: list[tuple[str, UserError]], total: int) -> UserError:
    """The first bad row in full, the next ones by name."""
    (name, first), *others = bad
    more = ", ".join(other for other, _ in others[: _NAMED - 1]) + (", ..." if len(others) >= _NAMED else "")
    return UserError(
        f"{name}: {first.message}"
        + (f"; {len(bad)} of {total} rows cannot be trained on, also {more}" if more else ""),
        field=first.field,
        expected=first.expected,
        fix=first.fix or "Mend the row, or set bad_rows to drop",
    )


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


def _encoded(
    prompt: Turns, sides: Mapping[str, Turns], tools: Sequence[ToolSchema], dialect: TurnEncoder
) -> tuple[Encoded, ...]:
    """The prompt, then the prompt with each side. Raises UserError where it is not a prefix, or a side is empty."""
    base = dialect.encode_turns(prompt, tools)
    found = [base]
    for name, turns in sides.items():
        _check_said(turns, name)
        whole = dialect.encode_turns((*prompt, *turns), tools)
        if whole.ids[: len(base.ids)] != base.ids:
            raise UserError(
                "the prompt's tokens are not a prefix of the conversation's: the template rewrites it once "
                "an answer follows",
                field=name,
            )
        found.append(whole)
    return tuple(found)


def _check_said(turns: Turns, field: str) -> None:
    """Raises UserError where an assistant turn neither says nor calls anything."""
    for number, turn in enumerate(turns):
        if turn.role == "assistant" and not turn.content.strip() and not turn.tool_calls:
            raise UserError("empty completion: an assistant turn without words or calls", field=f"{field}[{number}]")


def _margin(comparison: Comparison) -> float:
    margin: Any = 0.0 if comparison.margin is None else comparison.margin
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= _narrowed(margin) < math.inf:
        raise UserError(f"{margin!r} is no margin", field="margin", expected="a finite number, 0 or above")
    return float(margin)


def _narrowed(number: float) -> float:
    """The number as float32 holds it, infinite where it is too large."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(number))


def _trusted(annotators: Sequence[str], trust: Trust) -> float:
    """Mean weight of a row's annotators, 1 where nobody signed."""
    if not annotators:
        return 1.0
    return sum(trust.get(name, 1.0) for name in annotators) / len(annotators)


def _sequence(
    encoded: Encoded,
    example_id: str,
    label: int = 0,
    prompt: Encoded | None = None,
    *,
    scale: float = 1.0,
    reward: float = 0.0,
    importance: float = 1.0,
    doubt: float = 0.0,
) -> TokenSequence:
    """``prompt``: what is only read, though it may hold assistant turns."""
    weight_L = np.array(encoded.trained, dtype=np.float32) * np.float32(scale)
    weight_L[: len(prompt.ids) if prompt else 0] = 0
    ids_L = np.array(encoded.ids, dtype=np.int64)
    importance = float(np.float32(importance))
    return TokenSequence(ids_L, weight_L, example_id, label, reward=reward, importance=importance, doubt=doubt)
