"""distinct-n and self-BLEU equal their definitions written out; repeating raises one and lowers the other."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats import distinct, self_bleu

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=12), min_size=2, max_size=7)


def plain_bleu(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU-4 as Papineni et al. 2002 define it, with ε = 0.1 where an order has no match."""
    logs = []
    for n in range(1, 5):
        own = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
        clipped = 0
        for gram, count in own.items():
            most = max(sum(tuple(r[i : i + n]) == gram for i in range(len(r) - n + 1)) for r in references)
            clipped += min(count, most)
        if n == 1 and clipped == 0:
            return 0.0
        logs.append(math.log((clipped if clipped else 0.1) / max(1, len(text) - n + 1)))
    closest = min((len(r) for r in references), key=lambda length: (abs(length - len(text)), length))
    brevity = 1.0 if len(text) > closest else math.exp(1 - closest / len(text))
    return brevity * math.exp(sum(logs) / 4)


@given(TEXTS)
@settings(max_examples=200)
def test_the_fast_path_is_every_text_against_all_others(texts: list[list[str]]) -> None:
    slow = [plain_bleu(text, texts[:i] + texts[i + 1 :]) for i, text in enumerate(texts)]
    assert self_bleu(texts) == pytest.approx(slow, abs=1e-9)


@given(TEXTS, st.randoms(use_true_random=False))
def test_order_of_the_texts_does_not_matter(texts: list[list[str]], random: object) -> None:
    assert sorted(self_bleu(texts)) == pytest.approx(sorted(self_bleu(texts[::-1])), abs=1e-12)


def test_the_same_text_twice_is_all_repetition_and_strangers_none() -> None:
    text = ["the", "kettle", "is", "blue", "and", "warm"]
    assert self_bleu([text, text]) == pytest.approx([1.0, 1.0])
    assert self_bleu([list("abcd"), list("efgh")]) == [0.0, 0.0]


def test_distinct_by_hand() -> None:
    assert distinct([["a", "b", "a", "b"], ["a", "b"]], 1) == 2 / 6
    assert distinct([["a", "b", "a", "b"], ["a", "b"]], 2) == 2 / 4
    with pytest.raises(ValueError, match="at least 3"):
        distinct([["a"], ["b", "c"]], 3)
    with pytest.raises(ValueError, match="two texts"):
        self_bleu([["a"]])
