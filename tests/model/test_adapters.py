"""LoRA starts as the identity, trains alone, and merges into what it computed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from trimtab.model import load, lora, merge, save
from trimtab.records import UserError

IDS = torch.tensor([[1, 5, 9, 40, 200, 2]])


def test_a_fresh_adapter_changes_nothing_and_trains_alone(tiny: Path) -> None:
    plain = load(tiny)(IDS).logits
    model = lora(load(tiny), rank=4, alpha=8, seed=1)
    assert torch.equal(model(IDS).logits, plain)
    assert {name.split(".")[-3] for name, p in model.named_parameters() if p.requires_grad} == {"lora_A", "lora_B"}


def test_one_seed_makes_one_adapter(tiny: Path) -> None:
    def first(seed: int) -> torch.Tensor:
        model: Any = lora(load(tiny), rank=4, alpha=8, seed=seed)
        return torch.cat([p.detach().flatten() for name, p in model.named_parameters() if "lora_A" in name])

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_a_merged_model_is_plain_and_says_what_the_adapter_said(tiny: Path, tmp_path: Path) -> None:
    model = lora(load(tiny), rank=4, alpha=8)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    said = model(IDS).logits
    assert (said - load(tiny)(IDS).logits).abs().max() > 0.1
    merged = merge(model)
    torch.testing.assert_close(load(save(merged, tiny, tmp_path / "out"))(IDS).logits, said, rtol=1e-4, atol=1e-4)


def test_dora_starts_as_the_identity_and_also_trains_the_lengths(tiny: Path) -> None:
    plain = load(tiny)(IDS).logits
    model = lora(load(tiny), rank=4, alpha=8, dora=True, seed=1)
    torch.testing.assert_close(model(IDS).logits, plain, rtol=1e-4, atol=1e-4)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {"lora_A", "lora_B", "lora_magnitude_vector"} == {name.split(".")[-3] for name in trained}


def test_a_merged_dora_model_is_plain_and_says_what_the_adapter_said(tiny: Path, tmp_path: Path) -> None:
    model = lora(load(tiny), rank=4, alpha=8, dora=True)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05, generator=random)
            elif "magnitude" in name:
                parameter.mul_(torch.rand(parameter.shape, generator=random) + 0.5)
    said = model(IDS).logits
    assert (said - load(tiny)(IDS).logits).abs().max() > 0.1
    merged = load(save(merge(model), tiny, tmp_path / "out"))
    assert [p.shape for p in merged.parameters()] == [p.shape for p in load(tiny).parameters()]
    torch.testing.assert_close(merged(IDS).logits, said, rtol=1e-4, atol=1e-4)


def test_merging_a_plain_model_gives_it_back(tiny: Path) -> None:
    model = load(tiny)
    assert merge(model) is model


def test_nonsense_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="rank"):
        lora(load(tiny), rank=0, alpha=8)
    with pytest.raises(UserError, match="targets"):
        lora(load(tiny), rank=4, alpha=8, targets=["no_such_module"])
