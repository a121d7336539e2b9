"""Encoding piece by piece equals encoding at once."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.model import load_tokenizer
from trimtab.model.tokens import Pieces

PARTS = st.sampled_from(["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_", "the cat", "\n", "  ", "é", "12", "<"])


@settings(deadline=None)
@given(text=st.lists(PARTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=12).map("".join))
def test_pieces_and_the_whole_text_give_the_same_ids(tiny: Path, text: str) -> None:
    tokenizer = _PIECES.setdefault(tiny, Pieces(load_tokenizer(tiny)))
    assert tokenizer.exact
    assert tokenizer.encode(text) == tokenizer._backend.encode(text, add_special_tokens=False).ids


_PIECES: dict[Path, Pieces] = {}
