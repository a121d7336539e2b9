"""The rows that both sides learn from."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.train.prose import sentences
from benchmarks.train.workload import (
    PAIR_PROMPT,
    SFT_ANSWER,
    SFT_PROMPT,
    Lengths,
    common_prefix,
    natural_pairs,
    natural_prompts,
    natural_sft,
    reward_pairs,
)

from trimtab.model import load_tokenizer, tiny_random_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


def test_sentences_are_distinct_running_text_in_a_fixed_order() -> None:
    found = sentences(0)
    assert len(found) > 1000
    assert len(set(found)) == len(found)
    assert found == sentences(0) != sentences(1)
    assert all(sentence[0].isupper() and sentence[-1] in ".!?" for sentence in found)


def test_lengths_follow_the_stated_mean_and_range() -> None:
    for lengths in (SFT_PROMPT, SFT_ANSWER, PAIR_PROMPT):
        drawn = [lengths.at(quantile) for quantile in np.linspace(0.001, 0.999, 999)]
        assert drawn == sorted(drawn)
        assert lengths.low <= min(drawn)
        assert max(drawn) <= lengths.high
        assert np.mean(drawn) == pytest.approx(lengths.mean, rel=0.04)


def test_a_row_trains_its_answer_to_its_end_and_nothing_before(model: Path) -> None:
    end = load_tokenizer(model).eos_token_id
    for row in (row for step in natural_sft(model, 2, 3) for row in step):
        start = row["trained"].index(1)
        assert row["trained"] == [0] * start + [1] * (len(row["ids"]) - start)
        assert row["ids"][-1] == end
        assert SFT_PROMPT.low <= start <= SFT_PROMPT.high


def test_pairs_have_names_of_their_own_and_rewards_are_read_before_the_end(model: Path) -> None:
    pairs = [row for step in natural_pairs(model, 2, 2) for row in step]
    cut = [row for step in reward_pairs(model, 2, 2) for row in step]
    assert len({row["id"] for row in pairs}) == 4
    assert [row["chosen"] for row in cut] == [row["chosen"][:-1] for row in pairs]
    assert all(row["chosen"] != row["rejected"] for row in pairs)


def test_a_prompts_text_has_exactly_its_tokens_and_lengths_spread(model: Path) -> None:
    tokenizer = load_tokenizer(model)
    prompts = [row for step in natural_prompts(model, 4) for row in step]
    for row in prompts:
        assert tokenizer.backend_tokenizer.encode(row["text"], add_special_tokens=False).ids == row["prompt"]
    counted = [len(row["prompt"]) for row in prompts[1:]]
    assert counted == [PAIR_PROMPT.at(quantile) for quantile in (1 / 6, 0.5, 5 / 6)]


def test_common_prefix_is_that_of_all_rows() -> None:
    assert common_prefix([[1, 2, 3, 9], [1, 2, 4], [1, 2, 3, 4]]) == 2
    assert common_prefix([[1, 2], [1, 2, 3]]) == 2
    assert Lengths(100, 0.5, 90, 110).at(0.999) == 110
