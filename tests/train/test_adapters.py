"""Adapters under the forest: LoRA and DoRA share prefixes, give the plain model's numbers and learn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.conftest import random_groups
from tests.train.test_run import EXAMPLES, SFT, tensors

from trimtab.model import load, lora
from trimtab.train import LoraConfig, train_sft
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import choose_scorer, forest_scorer, plain_scorer
from trimtab.train.objectives import sft

FLOAT32 = precision("float32")


def adapted(folder: Path, *, dora: bool) -> Any:
    """A model whose adapter is away from the identity."""
    model = lora(load(folder), 4, 8.0, dora=dora)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05, generator=random)
            elif "magnitude" in name:
                parameter.mul_(torch.rand(parameter.shape, generator=random) + 0.5)
    return model


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("dora", [False, True])
def test_the_forest_agrees_with_the_plain_scorer_under_an_adapter(folder: Path, dora: bool) -> None:
    model = adapted(folder, dora=dora)
    groups = random_groups(0, pair=True)
    rows = plant(groups, 7.0, share=False)
    plain = plain_scorer(model, FLOAT32)(rows)
    sft(plain, rows)[0].backward()  # type: ignore[no-untyped-call]
    expected = gradients(model)
    batch = plant(groups, 7.0)
    assert batch.processed_tokens < rows.processed_tokens / 2
    shared = forest_scorer(model, FLOAT32)(batch)
    sft(shared, batch)[0].backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(shared.logp, plain.logp, rtol=1e-4, atol=1e-4)
    found = gradients(model)
    assert found.keys() == expected.keys()
    assert any("magnitude" in name for name in found) == dora
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("dora", [False, True])
def test_an_adapted_model_shares_prefixes(folder: Path, dora: bool) -> None:
    chosen = choose_scorer(adapted(folder, dora=dora), FLOAT32, random_groups(0)[:2])
    assert (chosen.share, chosen.reason) == (True, "")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("setting", ["float32", "bfloat16_master", "bfloat16_stochastic"])
def test_dora_learns_and_is_merged_into_a_plain_model(folder: Path, tmp_path: Path, setting: str) -> None:
    changes = {"lora": LoraConfig(rank=4, alpha=8, dora=True), "learning_rate": 1e-2, "precision": setting}
    report = train_sft(folder, EXAMPLES, SFT.model_copy(update=changes), work=tmp_path / "work", out=tmp_path / "out")
    assert report.losses[-1] < report.losses[0] - 0.5
    assert report.notes == ()
    assert not (tmp_path / "out" / "adapter_config.json").exists()
    assert [t.shape for t in tensors(tmp_path / "out")] == [t.shape for t in tensors(folder)]
