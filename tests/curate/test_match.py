"""Prints find what comparing texts finds, whatever the key; without the key they tell nothing."""

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.curate.config import QuarantineConfig
from trimtab.curate.quarantine import Quarantine
from trimtab.curate.quarantine.keyed import Keyed, Laid
from trimtab.curate.quarantine.match import Matcher
from trimtab.curate.quarantine.overlap import OverlapIndex
from trimtab.curate.quarantine.prints import PAIR_GAP, Named, join_prints, make_prints
from trimtab.curate.quarantine.table import Table
from trimtab.curate.quarantine.texts import Texts
from trimtab.curate.quarantine.weight import plain_weight, weigh
from trimtab.records import Case, Example, Expected, Message
from trimtab.text import ngrams

WORDS = st.lists(st.sampled_from("abc"), max_size=12)
LONG = st.lists(st.sampled_from(["amber", "birch", "cedar", "delta", "ember", "the", "of"]), min_size=4, max_size=14)
HASHES = st.lists(st.integers(0, 40).map(lambda i: i * 0x0123456789ABCDEF % (1 << 64)), max_size=30)
OTHER = Keyed(bytes(range(32)))


def prints_of(texts: list[str], keyed: Keyed, ngram: int = 13, shortest: int = 6):  # type: ignore[no-untyped-def]
    return make_prints(
        [Named(str(i)) for i in range(len(texts))], [Texts((text,)) for text in texts], keyed, ngram, shortest
    )


def share_a_run(a: list[str], b: list[str], ngram: int, shortest: int) -> bool:
    """The slow twin."""
    needed = min(ngram, len(a), len(b))
    return needed >= shortest and bool(ngrams(a, needed) & ngrams(b, needed))


@settings(max_examples=100)
@given(st.lists(WORDS, max_size=4), WORDS, st.integers(3, 6), st.booleans())
def test_the_index_finds_the_runs_that_comparing_all_ngrams_finds(
    sealed: list[list[str]], other: list[str], ngram: int, plain: bool
) -> None:
    keyed, config = (
        Keyed() if plain else OTHER,
        QuarantineConfig.model_construct(ngram=ngram, shortest=3, threshold=1.0, reworded=2.0),
    )
    matcher = Matcher(prints_of([" ".join(text) for text in sealed], keyed, ngram, 3), keyed, config)
    (found,) = matcher.match([Texts((" ".join(other),))])
    twins = [i for i, text in enumerate(sealed) if (text == other and text) or share_a_run(text, other, ngram, 3)]
    if found is None or found.how in ("exact", "ngram"):
        assert (found is not None) == bool(twins)
        assert found is None or found.owner in twins


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_many_rows_at_a_time_are_found_as_one_by_one(rows: list[tuple[list[str], list[str]]]) -> None:
    matcher = Matcher(prints_of(["a b c a b c", "c c a b", "b a a a c b"], OTHER), OTHER, QuarantineConfig())
    texts = [Texts((" ".join(first),), (" ".join(second),)) for first, second in rows]
    assert matcher.match(texts) == [matcher.match([one])[0] for one in texts]


@settings(max_examples=100)
@given(LONG, LONG)
def test_overlap_is_what_counting_pairs_by_hand_counts(sealed: list[str], other: list[str]) -> None:
    prints = prints_of([" ".join(sealed)], OTHER)
    index = OverlapIndex(prints.pairs, OTHER, 0.55)
    found = list(index.find(Laid.of([OTHER.words(" ".join(other))])))
    window = int(len(sealed) * 1.25 + 1)
    pairs = {
        (i, j): plain_weight(sealed[i]) * plain_weight(sealed[j])
        for i, j in combinations(range(len(sealed)), 2)
        if j - i <= PAIR_GAP
    }
    whole = sum(map(plain_weight, sealed))
    if len(other) <= window:  # one window: what is held is plain to see
        near = {(other[i], other[j]) for i, j in combinations(range(len(other)), 2) if j - i <= PAIR_GAP + 1}
        held = {pair for pair in pairs if (sealed[pair[0]], sealed[pair[1]]) in near}
        words = {i for pair in held for i in pair}
        weight = sum(plain_weight(sealed[i]) for i in words)
        share = sum(pairs[pair] ** 0.5 for pair in held) / sum(one**0.5 for one in pairs.values())
        needed = len(sealed) - -(-len(sealed) // 5)
        values = (weight / whole - 0.55, weight - 1.4, share - 0.3)
        if all(abs(one) > 1e-4 for one in values):
            assert bool(found) == (len(words) >= needed and min(values) > 0)
    for _, owner, score in found:
        assert owner == 0
        assert 0.55 <= score <= 1.0001


@given(HASHES, HASHES)
def test_the_table_finds_what_a_dictionary_finds(values: list[int], asked: list[int]) -> None:
    known, wanted = np.array(values, np.uint64), np.array(asked, np.uint64)
    at, entry = Table(known).find_all(wanted)
    expected = [(i, j) for i, one in enumerate(asked) for j, other in enumerate(values) if one == other]
    assert sorted(zip(at.tolist(), entry.tolist(), strict=True)) == expected
    at, entry = Table(known).find(wanted)
    assert [(i, values[j]) for i, j in zip(at, entry, strict=True)] == [
        (i, one) for i, one in enumerate(asked) if one in values
    ]


def test_joined_prints_find_what_each_of_them_finds() -> None:
    texts = ["where did the amber harbour keeper retire to", "how heavy is a bushel of granite pebbles"]
    apart = [prints_of([text], OTHER) for text in texts]
    matcher = Matcher(join_prints(apart), OTHER, QuarantineConfig())
    for i, text in enumerate(texts):
        reworded = text.replace("the ", "that ").replace("heavy", "weighty")
        for asked in (text, reworded, f"I was told to ask you at once: {reworded}. Be brief, please, it is late."):
            (found,) = matcher.match([Texts((asked,))])
            assert found is not None
            assert found.owner == i


def test_another_key_finds_nothing_and_no_hash_is_shared() -> None:
    text = "where did the amber harbour keeper retire to after the great storm of that year"
    mine, theirs = prints_of([text], Keyed()), prints_of([text], OTHER)
    (found,) = Matcher(mine, OTHER, QuarantineConfig()).match([Texts((text,))])
    assert found is None
    for name in ("exact", "runs", "parts", "pairs"):
        assert not set(getattr(mine, name).values.tolist()) & set(getattr(theirs, name).values.tolist())
    assert (mine.near != theirs.near).mean() > 0.9
    assert Keyed().id != OTHER.id
    with pytest.raises(ValueError, match="32 bytes"):
        Keyed(b"short")


def test_what_every_case_says_tells_little() -> None:
    texts = [["granite", f"word{i}"] for i in range(40)]
    granite, word = weigh(texts)[0]
    assert granite < 0.15 < word
    assert plain_weight("the") < plain_weight("house") < plain_weight("granite") < plain_weight("a17")


REWORDINGS = 200


def test_short_questions_reworded_by_a_word_are_found_alone_and_inside_longer_texts() -> None:
    draw = random.Random(7)
    nouns = "granite pewter saffron walnut copper amber linen marble velvet cedar juniper basalt ivory maple"
    questions = [
        f"which {a} {b} came from the {c} {d}"
        for a, b, c, d in (draw.sample(nouns.split(), 4) for _ in range(REWORDINGS))
    ]
    quarantine = Quarantine()
    for question in questions:
        quarantine.add(Case((Message("user", question),), Expected("answer")))
    changed = []
    for question in questions:
        words = question.split()
        words[draw.randrange(len(words))] = "zinc"
        changed.append(" ".join(words))
    around = "I have thought about it for a good while and could not find out by myself. "
    rows = [Example((Message("user", text), Message("assistant", "No idea."))) for text in changed]
    inside = [
        Example((Message("user", around + row.messages[0].content + ". " + around), row.messages[1])) for row in rows
    ]
    for planted in (rows, inside):
        assert sum(hit is not None for hit in quarantine.check_all(planted)) >= 0.95 * REWORDINGS
