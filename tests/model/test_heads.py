"""A scalar head on a policy's backbone: zero at first, kept when saved, read by plain transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from trimtab.model import load, merge, save, tiny_random_model, weights_digest
from trimtab.model.heads import is_reward, load_reward, reward_lora
from trimtab.records import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


IDS = torch.tensor([[5, 6, 7, 8, 9]])


def test_a_policy_gets_a_head_of_zeros_on_its_own_backbone(folder: Path) -> None:
    model: Any = load_reward(folder)
    assert not is_reward(folder)
    assert model(IDS).logits.tolist() == [[0.0]]
    policy: Any = load(folder)
    assert all(torch.equal(a, b) for a, b in zip(model.model.parameters(), policy.model.parameters(), strict=True))


def test_the_head_survives_saving_and_transformers_reads_it(folder: Path, tmp_path: Path) -> None:
    model: Any = load_reward(folder)
    torch.nn.init.normal_(model.score.weight)
    save(model, folder, tmp_path / "reward")
    assert is_reward(tmp_path / "reward")
    again: Any = load_reward(tmp_path / "reward")
    plain: Any = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward")
    expected = model(IDS).logits.detach()
    assert float(expected.abs().max()) > 0
    assert torch.equal(again(IDS).logits, expected)
    assert torch.equal(plain(IDS).logits, expected)
    assert plain.config.num_labels == 1


def test_the_weights_digest_covers_the_head(folder: Path, tmp_path: Path) -> None:
    model: Any = load_reward(folder)
    before = weights_digest(save(model, folder, tmp_path / "before"))
    with torch.no_grad():
        model.score.weight[0, 0] += 1
    assert weights_digest(save(model, folder, tmp_path / "after")) != before


def test_loading_does_not_touch_the_random_state(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_reward(folder)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("dora", [False, True])
def test_adapters_and_the_head_train_and_merge_into_a_plain_model(folder: Path, dora: bool) -> None:
    wrapped = reward_lora(load_reward(folder), 4, 8.0, dora=dora, seed=1)
    trained = {name for name, parameter in wrapped.named_parameters() if parameter.requires_grad}
    assert any(name.endswith("score.weight") for name in trained)
    assert all("lora" in name or name.endswith("score.weight") for name in trained)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if name in trained:
                parameter.add_(torch.full_like(parameter, 0.01))
    expected = wrapped(IDS).logits.detach()
    merged: Any = merge(wrapped)
    assert type(merged).__name__ == "LlamaForSequenceClassification"
    assert float(expected.abs().max()) > 0
    assert torch.allclose(merged(IDS).logits, expected, atol=1e-4)


def test_a_classifier_of_several_labels_is_refused(folder: Path, tmp_path: Path) -> None:
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    save(model, folder, tmp_path / "three")
    with pytest.raises(UserError, match="3 labels"):
        load_reward(tmp_path / "three")


def test_an_architecture_without_such_a_head_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tiny_random_model(tmp_path / "odd")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))
    with pytest.raises(UserError, match="no sequence-classification head"):
        load_reward(copy)


def test_a_missing_pad_token_is_taken_from_the_tokenizer(tmp_path: Path) -> None:
    folder = tiny_random_model(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": None}))
    model: Any = load_reward(folder)
    assert model.config.pad_token_id == 0


def test_an_unknown_dtype_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="unknown dtype"):
        load_reward(folder, dtype="int8")
