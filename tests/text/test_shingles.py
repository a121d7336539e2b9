"""Shingles: keys over bytes say of every two texts what comparing their runs of words says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.text import shingles, words

any_text = st.text(alphabet=st.sampled_from("aB c'.9٣é漢 \n\x00-ß"), max_size=24) | st.text(max_size=12)


def runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return list(zip(found, found[1:], found[2:], strict=False)) if len(found) >= 3 else [tuple(found)]


@settings(max_examples=300, deadline=None)
@given(st.lists(any_text, min_size=1, max_size=8))
def test_keys_are_equal_where_runs_of_words_are(texts: list[str]) -> None:
    made = shingles(texts)
    assert len(made) == len(texts)
    spelled = [(run, int(key)) for i, text in enumerate(texts)
               for run, key in zip(runs(text), made.keys[made.starts[i]:made.starts[i + 1]], strict=True)]  # fmt: skip
    plain = {word: "".join(_digit(char) for char in word) for run, _ in spelled for word in run}
    seen: dict[tuple[str, ...], int] = {}
    for run, key in spelled:
        assert seen.setdefault(tuple(plain[word] for word in run), key) == key
    assert len(set(seen.values())) == len(seen)


@settings(max_examples=200, deadline=None)
@given(any_text, any_text)
def test_numbers_are_the_set_of_words_with_a_digit(a: str, b: str) -> None:
    keys = shingles([a, b]).numbers
    sets = [{"".join(map(_digit, word)) for word in words(text) if any(map(_is_digit, word))} for text in (a, b)]
    assert (keys[0] == keys[1]) == (sets[0] == sets[1])
    assert [bool(key) for key in keys] == [bool(found) for found in sets]


def test_a_texts_keys_do_not_depend_on_its_neighbours() -> None:
    alone, beside = shingles(["one two three four"]), shingles(["x", "one two three four", "five six seven"])
    assert alone.keys.tolist() == beside.keys[beside.starts[1] : beside.starts[2]].tolist()


def test_no_texts_have_no_keys() -> None:
    none = shingles([])
    assert (len(none), len(none.keys), none.starts.tolist()) == (0, 0, [0])


def _is_digit(char: str) -> bool:
    return _digit(char).isascii() and _digit(char).isdigit()


def _digit(char: str) -> str:
    import unicodedata

    digit = unicodedata.digit(char, None)
    return char if digit is None else str(digit)
