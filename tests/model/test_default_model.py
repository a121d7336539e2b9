"""The default model, where this machine has it already: it speaks sense, and its file was read right."""

from pathlib import Path

import pytest
import torch

from trimtab.model import Dialect, default_cache, load, load_tokenizer
from trimtab.model.resolve import DEFAULT_MODEL, cached
from trimtab.records import Message


@pytest.fixture(scope="module")
def folder() -> Path:
    found = cached(DEFAULT_MODEL, default_cache())
    if found is None:
        pytest.skip("the default model has not been downloaded here")
    return found


def test_it_answers_in_its_own_words_and_ends_its_turn(folder: Path) -> None:
    dialect, model = Dialect.of(folder), load(folder, dtype="bfloat16")
    prompt = dialect.encode([Message("user", "What is the capital of France?")], reply=True)
    with torch.no_grad():
        ids = model.generate(torch.tensor([prompt]), max_new_tokens=16, do_sample=False)[0, len(prompt) :].tolist()
    assert "Paris" in dialect.parse(dialect.decode(ids)).content
    assert ids[-1] == dialect.stop_ids[0]


def test_digits_stand_alone_and_special_tokens_are_whole(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    assert tokenizer.backend_tokenizer.encode("in 2024").tokens == ["in", "Ġ", "2", "0", "2", "4"]
    assert tokenizer.backend_tokenizer.encode("<|im_start|><file_sep>").ids == [1, 5]
    assert Dialect.of(folder).decode(Dialect.of(folder).stop_ids) == "<|im_end|><|endoftext|>"
