"""A sequence-classification model from a folder is a judge: its entailment label, in batches, cut to its window."""

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from trimtab.evaluate import Pair
from trimtab.evaluate.grounding.nli import NliEntails
from trimtab.records import UserError


def saved(folder: Path, labels: dict[int, str]) -> Path:
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "lamp", "weighs", "grams", "costs", "euros"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32, id2label=labels, label2id={label: i for i, label in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}
    return saved(tmp_path_factory.mktemp("nli") / "small", labels)


PAIRS = [Pair("lamp weighs grams", "lamp weighs"), Pair("lamp costs", "euros"), Pair("lamp " * 200, "lamp costs euros")]


def test_batches_equal_one_by_one_and_are_the_labels_probability(folder: Path) -> None:
    together, alone = NliEntails(folder, batch=3)(PAIRS), NliEntails(folder, batch=1)(PAIRS)
    assert together == pytest.approx(alone, abs=1e-6)
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.tensor([[2, 3, 4, 2, 3]])
    kinds = torch.tensor([[0, 0, 0, 1, 1]])
    with torch.inference_mode():
        plain = model(input_ids=ids, token_type_ids=kinds).logits.softmax(-1)[0, 2]
        without = model(input_ids=ids).logits.softmax(-1)[0, 2]
    assert together[0] in (pytest.approx(float(plain), abs=1e-6), pytest.approx(float(without), abs=1e-6))


def test_its_answers_are_kept_under_what_its_files_hold(folder: Path, tmp_path: Path) -> None:
    same = shutil.copytree(folder, tmp_path / "elsewhere")
    assert NliEntails(same).name == NliEntails(folder).name
    assert NliEntails(saved(tmp_path / "other", {0: "entailment", 1: "neutral"})).name != NliEntails(folder).name


def test_nothing_to_judge_is_nothing(folder: Path) -> None:
    assert NliEntails(folder)([]) == []


def test_a_folder_without_a_model_or_a_label_for_entailment_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UserError, match="no model in"):
        NliEntails(tmp_path / "none")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds no sequence-classification model"):
        NliEntails(tmp_path / "odd")
    with pytest.raises(UserError, match="no label for entailment: LABEL_0, not_entailment"):
        NliEntails(saved(tmp_path / "two", {0: "LABEL_0", 1: "not_entailment"}))
