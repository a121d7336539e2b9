"""Folder in, folder out: it learns, resumes, returns at once when done, and starts preferences at ln 2."""

import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.train.test_loop import KillAt, Killed

from trimtab.model import load, weights_digest
from trimtab.records import Comparison, Example, Message, UserError
from trimtab.train import LoraConfig, PreferenceConfig, SftConfig, train_dpo, train_sft
from trimtab.train import run as module
from trimtab.train.config import TrainConfig

SYSTEM = Message("system", "You are the assistant of a small shop. Answer briefly, and never promise what is not so.")
WORDS = ("tea", "cups", "rice", "salt", "soap", "yarn", "milk", "oats")
EXAMPLES = [
    Example((SYSTEM, Message("user", f"Is there {word}?"), Message("assistant", f"Yes, {word} is on the shelf.")))
    for word in WORDS
]
PAIRS = [
    Comparison(
        (SYSTEM, Message("user", f"Is there {word}?")),
        (Message("assistant", f"Yes, {word}."),),
        (Message("assistant", f"No {word} ever!"),),
    )
    for word in WORDS
]
SFT = SftConfig(epochs=3, rows_per_step=4, learning_rate=3e-3, precision="float32", checkpoint_every=2)
SHARED = SFT.model_dump(include=set(TrainConfig.model_fields))
DPO = PreferenceConfig(**{**SHARED, "method": "dpo", "learning_rate": 1e-3})


def tensors(folder: Path) -> list[torch.Tensor]:
    model: Any = load(folder)
    return list(model.parameters())


def test_sft_learns_shares_and_writes_a_model(folder: Path, tmp_path: Path) -> None:
    report = train_sft(folder, EXAMPLES, SFT, work=tmp_path / "work", out=tmp_path / "out")
    assert report.steps == 6
    assert report.losses[-1] < report.losses[0] - 1
    assert report.tokens_processed < report.tokens_real / 2
    assert report.metrics["sharing"] > 2
    assert report.notes == ()
    assert not any(torch.equal(a, b) for a, b in zip(tensors(folder), tensors(tmp_path / "out"), strict=True))
    assert "trimtab" not in (tmp_path / "out" / "config.json").read_text()
    assert len((tmp_path / "work" / "metrics.jsonl").read_text().splitlines()) == 6
    assert not (tmp_path / "work" / "checkpoint").exists()


def test_a_finished_run_returns_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train_sft(folder, EXAMPLES, SFT, work=tmp_path / "work", out=tmp_path / "out")
    monkeypatch.setattr(module, "_fit", lambda *args: pytest.fail("trained again"))
    assert train_sft(folder, EXAMPLES, SFT, work=tmp_path / "work", out=tmp_path / "out") == first


@pytest.mark.parametrize("change", ["rows", "config", "output"])
def test_another_run_is_not_taken_for_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    config = SFT.model_copy(update={"epochs": 1})
    train_sft(folder, EXAMPLES, config, work=tmp_path / "work", out=tmp_path / "out")
    monkeypatch.setattr(module, "_fit", lambda *args: (_ for _ in ()).throw(Killed()))
    if change == "output":
        next((tmp_path / "out").glob("*.safetensors")).write_bytes(b"other")
    rows = EXAMPLES[1:] if change == "rows" else EXAMPLES
    other = config.model_copy(update={"seed": 1}) if change == "config" else config
    with pytest.raises(Killed):
        train_sft(folder, rows, other, work=tmp_path / "work", out=tmp_path / "out")


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_killed_run_writes_the_same_bits(folder: Path, tmp_path: Path, method: str) -> None:
    def go(place: str, progress: Any = None) -> None:
        where: Any = {"work": tmp_path / place / "work", "out": tmp_path / place / "out", "progress": progress}
        if method == "sft":
            train_sft(folder, EXAMPLES, SFT, **where)
        else:
            train_dpo(folder, PAIRS, DPO, **where)

    go("whole")
    with pytest.raises(Killed):
        go("cut", KillAt(8 + 3 + (2 if method == "dpo" else 0)))
    assert (tmp_path / "cut" / "work" / "checkpoint" / "step-00000002").is_dir()
    go("cut")
    assert weights_digest(tmp_path / "cut" / "out") == weights_digest(tmp_path / "whole" / "out")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("adapter", [None, LoraConfig(rank=4, alpha=8)])
def test_dpo_starts_at_ln_2_and_learns_to_prefer(folder: Path, tmp_path: Path, adapter: LoraConfig | None) -> None:
    config = DPO.model_copy(update={"lora": adapter, "learning_rate": None if adapter is None else 1e-2, "epochs": 4})
    config = config.model_copy(update={"learning_rate": 1e-3}) if adapter is None else config
    report = train_dpo(folder, PAIRS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.losses[0] == pytest.approx(math.log(2), abs=1e-7)
    line = json.loads((tmp_path / "work" / "metrics.jsonl").read_text().splitlines()[0])
    assert line["margin"] == 0.0
    assert report.metrics["accuracy"] == 1.0
    assert report.losses[-1] < 0.6
    assert len(tensors(tmp_path / "out")) == len(tensors(folder))


def test_a_separate_reference_is_scored_once_and_cached(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = tmp_path / "taught"
    train_sft(folder, EXAMPLES, SFT, work=tmp_path / "sft", out=taught)
    config = DPO.model_copy(update={"epochs": 1})
    report = train_dpo(taught, PAIRS, config, work=tmp_path / "work", out=tmp_path / "out", reference_folder=folder)
    assert abs(report.losses[0] - math.log(2)) > 1e-3
    opened: list[Path] = []

    def spy(path: Path, **options: Any) -> Any:
        opened.append(path)
        return load(path, **options)

    monkeypatch.setattr(module, "load", spy)
    again = config.model_copy(update={"seed": 3})
    train_dpo(taught, PAIRS, again, work=tmp_path / "work", out=tmp_path / "out", reference_folder=folder)
    assert opened == [taught]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_lora_is_merged_into_a_plain_model(folder: Path, tmp_path: Path) -> None:
    config = SFT.model_copy(update={"lora": LoraConfig(rank=4, alpha=8), "learning_rate": 1e-2})
    report = train_sft(folder, EXAMPLES, config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.losses[-1] < report.losses[0] - 0.5
    assert not (tmp_path / "out" / "adapter_config.json").exists()
    assert [t.shape for t in tensors(tmp_path / "out")] == [t.shape for t in tensors(folder)]


def test_a_model_that_cannot_share_trains_all_the_same_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SFT.model_copy(update={"epochs": 1, "precision": "float64"})
    shared = train_sft(folder, EXAMPLES, config, work=tmp_path / "a", out=tmp_path / "a-out")
    from trimtab.train.forest import score

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise UserError("it is recurrent")

    monkeypatch.setattr(score, "forest_scorer", broken)
    plain = train_sft(folder, EXAMPLES, config, work=tmp_path / "b", out=tmp_path / "b-out")
    assert plain.notes == ("no prefix sharing: it is recurrent",)
    assert plain.tokens_processed > 2 * shared.tokens_processed
    assert plain.losses == pytest.approx(shared.losses, abs=1e-5)


def test_the_configuration_must_be_the_methods(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="configuration is for sft"):
        train_dpo(folder, PAIRS, cast(Any, SFT), work=tmp_path / "work", out=tmp_path / "out")
