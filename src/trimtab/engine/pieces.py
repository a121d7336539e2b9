"""The tokens of an answer: each one's bytes and log-prob, without reasoning, end of turn and stop string."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.model.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Piece:
    """One generated token. ``logprob``: the model's own (nats, temperature 1, whole vocabulary)."""

    data: bytes
    logprob: float


def answer_pieces(
    dialect: Dialect, ids: Sequence[int], logprobs: Sequence[float], text: str, answer: str
) -> tuple[Piece, ...] | None:
    """The tokens that spell ``answer``, which ends ``text``; the first and last may hold white space beside it.

    ``ids``: all that was generated, its stop id left out. None where the tokens do not spell the text (half a
    character, shown as a replacement).
    """
    pieces = [Piece(dialect.token_bytes(token), logprob) for token, logprob in zip(ids, logprobs, strict=True)]
    plain = text.encode()
    if not b"".join(piece.data for piece in pieces).startswith(plain):
        return None
    end = len(text.rstrip().encode()) if answer == answer.rstrip() else len(plain)
    start = len(text[: len(text) - len(answer.lstrip())].encode())
    found, place = [], 0
    for piece in pieces:
        if place < end and place + len(piece.data) > start:
            found.append(piece)
        place += len(piece.data)
    return tuple(found)
