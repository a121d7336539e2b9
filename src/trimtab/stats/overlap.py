"""How much texts repeat each other: distinct n-grams and self-BLEU."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

Tokens = Sequence[Hashable]
_ORDERS = 4
_EPSILON = 0.1
"""What stands for no match at all (Chen and Cherry 2014, method 1; as in Texygen's self-BLEU)."""


def distinct(texts: Sequence[Tokens], n: int) -> float:
    """Distinct n-grams over all n-grams of the texts together (Li et al. 2016). It falls with length: read it beside
    tokens per answer. Raises ValueError where there is no n-gram."""
    grams = [gram for text in texts for gram in _grams(text, n)]
    if not grams:
        raise ValueError(f"needs a text of at least {n} tokens")
    return len(set(grams)) / len(grams)


def self_bleu(texts: Sequence[Tokens]) -> list[float]:
    """Each text's BLEU-4 against all the others as references (Zhu et al. 2018); their mean is the self-BLEU.

    Clipped precisions of order 1 to 4 with equal weights, ε = 0.1 for an order without a match, 0 for a text that
    shares no word, and the brevity penalty of the reference closest in length (the shorter of two). Linear in the
    texts' length: of each n-gram only the largest count, its holder and the second largest are kept. Raises ValueError
    on fewer than two texts.
    """
    if len(texts) < 2:
        raise ValueError("needs at least two texts")
    tables = [_Table.of(texts, n) for n in range(1, _ORDERS + 1)]
    lengths = Counter(map(len, texts))
    return [_bleu([table.precision(i) for table in tables], len(text), lengths) for i, text in enumerate(texts)]


@dataclass(frozen=True, slots=True)
class _Table:
    """The n-grams of one order: each text's counts, and of each n-gram (largest count, its holder, second largest)."""

    counts: Sequence[Counter[Tokens]]
    most: dict[Tokens, tuple[int, int, int]]

    @classmethod
    def of(cls, texts: Sequence[Tokens], n: int) -> "_Table":
        counts = [Counter(_grams(text, n)) for text in texts]
        most: dict[Tokens, tuple[int, int, int]] = {}
        for i, own in enumerate(counts):
            for gram, count in own.items():
                first, holder, second = most.get(gram, (0, -1, 0))
                most[gram] = (count, i, first) if count > first else (first, holder, max(second, count))
        return cls(counts, most)

    def precision(self, i: int) -> tuple[float, int]:
        """(matches, n-grams) of text ``i`` against all the others."""
        own = self.counts[i]
        matches = 0
        for gram, count in own.items():
            first, holder, second = self.most[gram]
            matches += min(count, second if holder == i else first)
        return matches, max(sum(own.values()), 1)


def _bleu(precisions: Sequence[tuple[float, int]], length: int, lengths: Counter[int]) -> float:
    if precisions[0][0] == 0:
        return 0.0
    logs = [math.log((matches or _EPSILON) / total) for matches, total in precisions]
    return _brevity(length, lengths) * math.exp(sum(logs) / _ORDERS)


def _brevity(length: int, lengths: Counter[int]) -> float:
    """1 where the text is longer than the closest of the others, else exp(1 − closest/length)."""
    others = [other for other, count in lengths.items() if other != length or count > 1]
    closest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length > closest else math.exp(1 - closest / length)


def _grams(text: Tokens, n: int) -> list[Tokens]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
