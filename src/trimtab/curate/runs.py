"""Runs of words that two texts share: the n-gram test for contamination, shorter where a text is short."""

from collections.abc import Iterator, Sequence


class RunIndex:
    """Sealed texts; ``find`` tells which of them shares a run of words with another text.

    The run must be ``ngram`` words long, or as long as the shorter of the two texts; a text of fewer than ``shortest``
    words shares no run with any (equality is tested elsewhere). 13 words are the GPT-3 report's choice (appendix C).
    """

    def __init__(self, ngram: int, shortest: int) -> None:
        self._ngram = ngram
        self._head = min(shortest, ngram)
        self._texts: list[Sequence[str]] = []
        self._heads: dict[str, list[tuple[int, int]]] = {}

    def add(self, words: Sequence[str]) -> int:
        """The place of the new text, from 0."""
        self._texts.append(words)
        for start, head in self._starts(words):
            self._heads.setdefault(head, []).append((len(self._texts) - 1, start))
        return len(self._texts) - 1

    def find(self, words: Sequence[str]) -> tuple[int, str] | None:
        """The first sealed text that shares a run, and the run; None where there is none."""
        for start, head in self._starts(words):
            for place, theirs in self._heads.get(head, ()):
                sealed = self._texts[place]
                needed = min(self._ngram, len(words), len(sealed))
                run = words[start : start + needed]
                if len(run) == needed and sealed[theirs : theirs + needed] == run:
                    return place, " ".join(run)
        return None

    def _starts(self, words: Sequence[str]) -> Iterator[tuple[int, str]]:
        for start in range(len(words) - self._head + 1):
            yield start, " ".join(words[start : start + self._head])
