"""Engines open by name, and heavy libraries come in only with them."""

import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.engine import OpenVinoEngine, Request, Sampling, TorchEngine, batch, generate, open_engine
from trimtab.engine.openvino_engine import available
from trimtab.records import UserError


def test_auto_is_openvino_where_installed(tiny: Path, tmp_path: Path) -> None:
    engine = open_engine("auto", tiny, workdir=tmp_path, threads=1, dtype="float32")
    assert isinstance(engine, OpenVinoEngine if available() else TorchEngine)
    assert generate(engine, [Request((5,), Sampling(max_tokens=2))])[0].finish == "length"
    engine.close()


def test_without_openvino_auto_is_torch_and_asking_for_it_says_what_to_do(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "find_spec", lambda name: None)
    engine = open_engine("auto", tiny, workdir=tmp_path, precision="bf16")
    assert isinstance(engine, TorchEngine)
    engine.close()
    with pytest.raises(UserError, match="not installed"):
        open_engine("openvino", tiny)


def test_an_unknown_engine_is_the_users_mistake(tiny: Path) -> None:
    with pytest.raises(UserError, match="unknown engine"):
        open_engine("vroom", tiny)


def test_no_requests_are_no_completions(torch_engine: TorchEngine) -> None:
    assert generate(torch_engine, []) == []


def test_the_room_itself_imports_nothing_heavy() -> None:
    code = "import sys, trimtab.engine; print(sorted({'torch', 'transformers', 'openvino_genai'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
