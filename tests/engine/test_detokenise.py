"""Streamed pieces add up to the whole text, whatever the cuts between characters, tokens and stop strings."""

import codecs
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.detokenise import Detokeniser, StopStrings
from trimtab.model import Dialect

CHUNKS = st.lists(st.lists(st.integers(3, 258), max_size=4), max_size=12)


def stream(decode_ids: list[list[int]], detokeniser: Detokeniser) -> list[str]:
    return [*(detokeniser.push(ids) for ids in decode_ids), detokeniser.flush()]


def decode_bytes(ids: Sequence[int]) -> str:
    return bytes(ids).decode("utf-8", errors="replace")


@given(st.lists(st.binary(max_size=3), max_size=12))
def test_any_bytes_add_up_to_the_whole_text(chunks: list[bytes]) -> None:
    pieces = stream([list(chunk) for chunk in chunks], Detokeniser(decode_bytes))
    assert "".join(pieces) == b"".join(chunks).decode("utf-8", errors="replace")


@given(st.text(max_size=12), st.randoms())
def test_no_piece_holds_half_a_character(text: str, random: object) -> None:
    chunks = [[byte] for byte in text.encode()]
    plain = codecs.getincrementaldecoder("utf-8")()
    detokeniser = Detokeniser(decode_bytes)
    late = 0
    for chunk in chunks:  # character by character as a plain incremental decoder, a genuine U+FFFD one step later
        piece, expected = detokeniser.push(chunk), plain.decode(bytes(chunk))
        late += len(expected) - len(piece)
        assert 0 <= late <= 1
        assert "�" not in text or piece in text
    assert late == len(detokeniser.flush()) == text.endswith("�")


def test_characters_split_over_tokens_stream_whole(dialect: Dialect) -> None:
    text = "naïve 東京 👩‍👩‍👧 مرحبا ok"
    detokeniser = Detokeniser(dialect.decode)
    ids = dialect._pieces.encode(text)
    pieces = [detokeniser.push([token]) for token in ids]
    assert len(ids) > len(text)
    assert "" in pieces
    assert "".join(pieces) + detokeniser.flush() == text
    assert not any("�" in piece for piece in pieces)


def test_a_long_reply_is_not_decoded_anew_for_every_token() -> None:
    seen: list[int] = []

    def decode(ids: Sequence[int]) -> str:
        seen.append(len(ids))
        return decode_bytes(ids)

    stream([[97]] * 500, Detokeniser(decode))
    assert max(seen) <= 2


def test_random_tokens_of_a_real_tokenizer_add_up(dialect: Dialect) -> None:
    @given(CHUNKS)
    def check(chunks: list[list[int]]) -> None:
        pieces = stream(chunks, Detokeniser(dialect.decode))
        assert "".join(pieces) == dialect.decode([token for chunk in chunks for token in chunk])

    check()


def plain_cut(text: str, stops: list[str]) -> str:
    """The slow twin: the shortest beginning after which some stop string stands complete."""
    for end in range(len(text) + 1):
        ends = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if ends:
            return text[: min(ends)]
    return text


STOPS = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.lists(st.text("abc", max_size=1), max_size=15), STOPS)
def test_stop_strings_cut_as_if_the_text_were_whole(pieces: list[str], stops: list[str]) -> None:
    cutter = StopStrings(stops)
    given_out = "".join(cutter.push(piece) for piece in pieces) + cutter.flush()
    assert given_out == plain_cut("".join(pieces), stops)
    assert cutter.hit == any(stop in "".join(pieces) for stop in stops)


def test_what_may_become_a_stop_string_is_held_back() -> None:
    cutter = StopStrings(("END",))
    assert [cutter.push(piece) for piece in ("say E", "N", "x E", "ND", "more")] == ["say ", "", "ENx ", "", ""]
    assert cutter.hit
