"""Speculative decoding without a second model: what followed the same n-gram before is proposed, the model decides.

Prompt look-up (Saxena 2023) under the greedy rule of Leviathan et al. (2023): a proposed token stays only where it is
the one the model itself takes there, so the answer is what one token a step would have given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trimtab.engine.core import Chunk

Way = Literal["lookup", "draft"]
DraftKind = Literal["f16", "q8_0", "q4_0"]
_SHORTEST = 2  # one token alone recurs everywhere, and what followed it once is seldom what follows


@dataclass(frozen=True, slots=True)
class Speculation:
    """How tokens are guessed: at most ``tokens`` a step, by n-grams of at most ``ngram`` tokens or by a draft model.

    ``draft``: a model folder with the target's tokenizer, stored for drafting as ``draft_kind``.
    """

    way: Way = "lookup"
    tokens: int = 5
    ngram: int = 3
    draft: Path | None = None
    draft_kind: DraftKind = "q4_0"


@dataclass(slots=True)
class Counts:
    """What an engine has decoded since it was opened, its prompts' own forwards left out."""

    turns: int = 0
    """Forwards that a request took part in, summed over requests: one for each token where nothing is guessed."""
    emitted: int = 0
    proposed: int = 0
    accepted: int = 0
    verified: int = 0
    """Rows that the target model computed to emit those tokens, padding and rejected proposals included."""
    apart: int = 0
    """Requests that went the plain way, for their kind cannot be guessed at."""

    def since(self, before: "Counts") -> "Counts":
        """What was counted after ``before``, an earlier ``copy``."""
        return Counts(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))

    def copy(self) -> "Counts":
        return self.since(Counts())


class Lookup:
    """The tokens of one request so far, and where each n-gram of them last ended."""

    def __init__(self, ids: Sequence[int], ngram: int) -> None:
        self._ids: list[int] = []
        self._sizes = range(ngram, _SHORTEST - 1, -1)
        self._ends: dict[tuple[int, ...], int] = {}
        for token in ids:
            self.add(token)

    def add(self, token: int) -> None:
        """Append a token. What ends at the one before it can now be continued, and so can be found."""
        for size in self._sizes:
            if len(self._ids) >= size:
                self._ends[tuple(self._ids[-size:])] = len(self._ids)
        self._ids.append(token)

    def propose(self, most: int) -> list[int]:
        """Up to ``most`` tokens that followed the latest earlier place of the longest n-gram we stand at; or none."""
        for size in self._sizes:
            if len(self._ids) > size and (end := self._ends.get(tuple(self._ids[-size:]))) is not None:
                return self._ids[end : end + max(most, 0)]
        return []


def agrees(proposed: int, taken: int) -> bool:
    """The whole acceptance rule of greedy decoding."""
    return proposed == taken


def accept(proposal: Sequence[int], take: Callable[[int], Chunk]) -> Chunk:
    """The tokens of one verified step: ``take(t)`` is the model's own next token after ``t`` accepted ones.

    Ends with the first token that differs from the proposal, that finishes the request, or that follows the whole
    proposal; each comes with the model's own log-prob.
    """
    ids: list[int] = []
    logprobs: list[float] = []
    for t in range(len(proposal) + 1):
        chunk = take(t)
        ids += chunk.token_ids
        logprobs += chunk.logprobs
        if chunk.finish is not None or t == len(proposal) or not agrees(proposal[t], ids[-1]):
            break
    return Chunk(tuple(ids), tuple(logprobs), chunk.finish, chunk.error)
