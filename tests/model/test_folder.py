"""Saved models load in plain transformers, whole or not at all."""

from contextlib import suppress
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from trimtab.model import Dialect, load, save, weights_digest
from trimtab.model.folder import replacing
from trimtab.records import UserError

IDS = torch.tensor([[1, 5, 9, 40, 200, 2]])


def test_a_saved_model_says_the_same_in_plain_transformers(tiny: Path, tmp_path: Path) -> None:
    model = load(tiny)
    with torch.no_grad():
        model.model.norm.weight.mul_(1.5)
    folder = save(model, tiny, tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(model(IDS).logits, again(IDS).logits)
    assert (folder / "chat_template.jinja").read_text() == Dialect.of(tiny).template
    assert weights_digest(folder) != weights_digest(tiny)


def test_weights_can_be_saved_as_bfloat16(tiny: Path, tmp_path: Path) -> None:
    folder = save(load(tiny), tiny, tmp_path / "out", dtype="bfloat16")
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16
    assert (folder / "model.safetensors").stat().st_size < 0.6 * (tiny / "model.safetensors").stat().st_size


def test_a_failed_save_leaves_the_old_folder_and_no_scraps(tiny: Path, tmp_path: Path) -> None:
    save(load(tiny), tiny, tmp_path / "out")
    before = weights_digest(tmp_path / "out")
    with suppress(RuntimeError), replacing(tmp_path / "out") as fresh:
        (fresh / "half").write_text("x")
        raise RuntimeError
    assert weights_digest(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_saving_over_a_folder_replaces_it_whole(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale").write_text("x")
    save(load(tiny), tiny, tmp_path / "out")
    assert not (tmp_path / "out" / "stale").exists()


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_is_no_model_is_named(tiny: Path, tmp_path: Path, missing: str) -> None:
    folder = save(load(tiny), tiny, tmp_path / "out")
    (folder / missing).unlink()
    with pytest.raises(UserError, match=r"safetensors|json"):
        load(folder)


def test_an_unknown_dtype_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="bfloat16"):
        load(tiny, dtype="int3")
