"""Parameters are never narrower than float32, and bfloat16 is used only where the hardware has it."""

import pytest
import torch

from trimtab.train import precision as module
from trimtab.train.precision import precision


@pytest.mark.parametrize("setting", ["auto", "float32", "bfloat16", "float64"])
def test_parameters_are_at_least_float32(setting: str) -> None:
    assert precision(setting).parameters.itemsize >= 4  # type: ignore[arg-type]


@pytest.mark.parametrize(("native", "compute"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_follows_the_hardware(monkeypatch: pytest.MonkeyPatch, native: bool, compute: torch.dtype) -> None:
    monkeypatch.setattr(module, "_native_bfloat16", lambda device: native)
    assert precision("auto").compute == compute
