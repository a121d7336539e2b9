"""A reference that reads other tokens than the policy is refused before anything is trained."""

import json
import shutil
from pathlib import Path

import pytest

from trimtab.records import Comparison, Message, UserError
from trimtab.train import PreferenceConfig, train_dpo
from trimtab.train.match import check_reference

PAIR = Comparison((Message("user", "q"),), (Message("assistant", "yes"),), (Message("assistant", "no"),))


@pytest.fixture
def other(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "other"))


def edited(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_copy_matches_whatever_its_padding(folder: Path, other: Path) -> None:
    check_reference(folder, folder)
    check_reference(folder, other)
    edited(
        other / "tokenizer.json",
        truncation={"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0},
    )
    check_reference(folder, other)


def test_another_tokenizer_is_refused(folder: Path, other: Path) -> None:
    model = json.loads((other / "tokenizer.json").read_text())["model"]
    edited(other / "tokenizer.json", model={**model, "merges": model["merges"][:-1]})
    with pytest.raises(UserError, match="differ in model"):
        check_reference(folder, other)


def test_another_template_is_refused(folder: Path, other: Path) -> None:
    template = other / "chat_template.jinja"
    template.write_text(template.read_text() + "{# two #}")
    with pytest.raises(UserError, match="chat template"):
        check_reference(folder, other)


def test_another_vocabulary_is_refused(folder: Path, other: Path) -> None:
    size = json.loads((other / "config.json").read_text())["vocab_size"]
    edited(other / "config.json", vocab_size=size + 8)
    with pytest.raises(UserError, match=f"predicts {size + 8} tokens and the policy {size}"):
        check_reference(folder, other)


def test_a_run_is_refused_before_it_begins(folder: Path, other: Path, tmp_path: Path) -> None:
    template = other / "chat_template.jinja"
    template.write_text(template.read_text() + "{# two #}")
    work = tmp_path / "work"
    with pytest.raises(UserError, match="reference"):
        train_dpo(folder, [PAIR], PreferenceConfig(), work=work, out=tmp_path / "out", reference_folder=other)
    assert not work.exists()
