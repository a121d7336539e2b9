"""An answer is exact whatever its reasoning, and the right one's probability is taken after the model's own."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from trimtab.model import Dialect
from trimtab.records import Example, Message, ToolCall
from trimtab.train.forest.precision import precision
from trimtab.train.reasoning import examine as module
from trimtab.train.reasoning.examine import Mark, examine, same

ROW = Example((Message("user", "Two and three?"), Message("assistant", "Five.", reasoning="2 + 3")))


@pytest.fixture(scope="module")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def slow(model: Any, before: list[int], right: list[int]) -> float:
    """Σ log p, a forward for each token."""
    total = 0.0
    for place, token in enumerate(right):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([before + right[:place]])).logits[0, -1]
        total += float(logits.double().log_softmax(-1)[token])
    return total


def test_without_reasoning_it_is_the_plain_probability_of_the_answer(model: Any, dialect: Dialect) -> None:
    prompt, right = dialect.encode(ROW.messages[:1], reply=True), dialect.ids("Five.<|im_end|>")
    got = module._probability(model, dialect, prompt, dialect.ids("Six."), ROW)
    assert got == pytest.approx(math.exp(slow(model, prompt, right) / len(right)), rel=1e-4)


def test_reasoning_of_the_models_own_stands_before_the_answer(model: Any, dialect: Dialect) -> None:
    prompt, own = dialect.encode(ROW.messages[:1], reply=True), "<think>\n3 + 3\n</think>"
    right = dialect.ids("\n\nFive.<|im_end|>")
    want = slow(model, prompt + dialect.ids(own), right) / len(dialect.ids("Five.<|im_end|>"))
    got = module._probability(model, dialect, prompt, dialect.ids(own + "\n\nSix."), ROW)
    assert got == pytest.approx(math.exp(want), rel=1e-4)


def test_reasoning_that_does_not_end_in_time_has_no_answer(model: Any, dialect: Dialect) -> None:
    prompt = dialect.encode(ROW.messages[:1], reply=True)
    assert module._probability(model, dialect, prompt, dialect.ids("<think>\n3 + 3"), ROW) == 0.0


def test_every_row_gets_a_mark(folder: Path, dialect: Dialect) -> None:
    found = examine(folder, [ROW, ROW], dialect, 8, precision("float32"))
    assert found[0] == found[1]
    assert isinstance(found[0], Mark)
    assert 0 < found[0].probability < 1
    assert 1 <= found[0].tokens <= 8


def test_white_space_and_reasoning_do_not_matter_but_words_and_calls_do() -> None:
    right = Message("assistant", "It is  five.")
    call = (ToolCall("add", {"a": 1}, id="x"),)
    assert same(Message("assistant", "It is five.", reasoning="hm"), right)
    assert not same(Message("assistant", "It is six."), right)
    assert not same(Message("assistant", "It is five.", tool_calls=call), right)
    assert same(
        Message("assistant", "", tool_calls=(ToolCall("add", {"a": 1}),)), Message("assistant", tool_calls=call)
    )
