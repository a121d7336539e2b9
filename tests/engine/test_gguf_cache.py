"""A model is written as GGUF once; other weights or another shape make another file; old files go."""

import json
import os
import shutil
from pathlib import Path

import pytest

from trimtab.engine.gguf_cache import gguf_of, model_facts
from trimtab.model import tiny_random_model
from trimtab.records import UserError


def test_the_same_model_is_written_once(tiny: Path, tmp_path: Path) -> None:
    first = gguf_of(tiny, tmp_path)
    written = first.read_bytes()
    inode = first.stat().st_ino
    again = gguf_of(shutil.copytree(tiny, tmp_path / "copy"), tmp_path)
    assert (again, again.stat().st_ino, again.read_bytes()) == (first, inode, written)


def test_what_shapes_the_file_names_it(tiny: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    other = tiny_random_model(tmp_path / "other", seed=9)
    assert len({gguf_of(folder, tmp_path / "work") for folder in (tiny, copy, other)}) == 3


def test_only_the_last_four_are_kept(tiny: Path, tmp_path: Path) -> None:
    old = [tmp_path / f"{n}.f16.gguf" for n in range(5)]
    for age, path in enumerate(old):
        path.write_bytes(b"")
        os.utime(path, (1000 + age, 1000 + age))
    fresh = gguf_of(tiny, tmp_path)
    assert set(tmp_path.glob("*.gguf")) == {fresh, *old[2:]}


def test_a_file_that_changed_is_not_given_out_and_one_without_its_digest_is_written_again(
    tiny: Path, tmp_path: Path
) -> None:
    file = gguf_of(tiny, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match="not what was written"):
        gguf_of(tiny, tmp_path)
    file.with_name(f"{file.name}.sha256").unlink()
    assert gguf_of(tiny, tmp_path).read_bytes() == whole
    assert gguf_of(tiny, tmp_path) == file


def test_each_quantisation_is_a_file_of_its_own(tiny: Path, tmp_path: Path) -> None:
    files = [gguf_of(tiny, tmp_path, kind=kind) for kind in ("f16", "q8_0", "q4_0")]
    sizes = [file.stat().st_size for file in files]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(files)) == 3


def test_facts_come_from_the_config(tiny: Path, tmp_path: Path) -> None:
    facts = model_facts(tiny)
    assert (facts.context, facts.vocabulary) == (4096, json.loads((tiny / "config.json").read_text())["vocab_size"])
    with pytest.raises(UserError, match="model config"):
        model_facts(tmp_path)
