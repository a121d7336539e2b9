"""Exports are loaded back and compared; what is not the release never leaves."""

import json
from pathlib import Path

import pytest

from trimtab.model import Dialect, tiny_random_model
from trimtab.records import Behaviour, Message, Release, UserError
from trimtab.release import export_gguf, export_hf
from trimtab.release.export import compare_folders, compare_weights
from trimtab.store import Store


@pytest.fixture
def tiny(store: Store, tmp_path: Path) -> Release:
    folder = tiny_random_model(tmp_path / "tiny")
    return Release(
        Behaviour(store.artefacts.put(folder), Dialect.of(folder).digest, "Be exact."), changelog="# Moved\n"
    )


def test_the_folder_loads_in_plain_transformers_and_gives_the_same_tokens(
    store: Store, tiny: Release, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = export_hf(store, tiny, tmp_path / "out")
    talk = [Message("system", "Be exact."), Message("user", "What is <|im_end|> for?")]
    tokenizer = AutoTokenizer.from_pretrained(target)
    ids = tokenizer.apply_chat_template([m.to_json() for m in talk], add_generation_prompt=True, return_dict=False)
    assert list(ids) == Dialect.of(store.artefacts.path(tiny.behaviour.model)).encode(talk, reply=True)
    assert AutoModelForCausalLM.from_pretrained(target).config.model_type == "llama"
    assert (target / "README.md").read_text().startswith("---\n")
    assert (target / "CHANGELOG.md").is_file()
    manifest = json.loads((target / "trimtab.json").read_text())
    assert manifest["digest"] == tiny.digest


def test_an_earlier_export_is_replaced_and_anything_else_is_left_alone(
    store: Store, tiny: Release, tmp_path: Path
) -> None:
    export_hf(store, tiny, tmp_path / "out")
    export_hf(store, tiny, tmp_path / "out")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="something else"):
        export_hf(store, tiny, mine)
    assert [file.name for file in mine.iterdir()] == ["thesis.txt"]


def test_a_release_with_another_template_than_its_folder_does_not_leave(
    store: Store, tiny: Release, tmp_path: Path
) -> None:
    other = Release(Behaviour(tiny.behaviour.model, "0" * 64, ""))
    with pytest.raises(UserError, match="another chat template"):
        export_hf(store, other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("broken", ["weights", "template", "config"])
def test_each_comparison_catches_what_it_is_for(tmp_path: Path, broken: str) -> None:
    one, other = tiny_random_model(tmp_path / "one"), tiny_random_model(tmp_path / "other")
    compare_folders(one, other)
    if broken == "weights":
        tiny_random_model(other, seed=1)
    elif broken == "template":
        file = other / "chat_template.jinja"
        file.write_text(file.read_text().replace("add_generation_prompt", "never_prompt"))
    else:
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    with pytest.raises(UserError, match={"weights": "weights", "template": "template", "config": "logits"}[broken]):
        compare_folders(one, other)


@pytest.mark.parametrize("kind", ["f16", "f32", "q8_0", "q4_0"])
def test_a_gguf_is_read_back_within_what_its_kind_can_hold(
    store: Store, tiny: Release, tmp_path: Path, kind: str
) -> None:
    target = export_gguf(store, tiny, tmp_path / "out.gguf", kind)  # type: ignore[arg-type]
    assert target.read_bytes()[:4] == b"GGUF"
    assert [file.name for file in tmp_path.glob("*out.gguf*")] == ["out.gguf"]


def test_other_weights_are_not_within_it(tmp_path: Path) -> None:
    one, other = tiny_random_model(tmp_path / "one"), tiny_random_model(tmp_path / "other", seed=1)
    compare_weights(one, one, 0.0)
    with pytest.raises(UserError, match="came back changed"):
        compare_weights(one, other, 1 / 127)
