"""Which number formats a run computes in: parameters are never narrower than float32."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from trimtab.train.config import PrecisionSetting


@dataclass(frozen=True, slots=True)
class Precision:
    """Parameters in ``parameters``; matrix products in ``compute`` (bfloat16 by autocast), attention in float32.

    Purely bfloat16 parameters hardly train: at a learning rate of 1e-5 most updates round to nothing.
    """

    parameters: torch.dtype
    compute: torch.dtype

    @property
    def name(self) -> str:
        return str(self.compute).removeprefix("torch.")

    def autocast(self, device: str) -> AbstractContextManager[object]:
        """The context for a forward pass of the backbone."""
        return nullcontext() if self.compute == self.parameters else torch.autocast(device, dtype=self.compute)


def precision(setting: PrecisionSetting, device: str = "cpu") -> Precision:
    """``auto`` is bfloat16 autocast where the hardware multiplies bfloat16, float32 elsewhere.

    On a CPU without it bfloat16 falls to reference kernels that are hundreds of times slower than float32.
    ``float64`` is for golden runs and gradient checks.
    """
    if setting == "float64":
        return Precision(torch.float64, torch.float64)
    if setting == "bfloat16" or (setting == "auto" and _native_bfloat16(device)):
        return Precision(torch.float32, torch.bfloat16)
    return Precision(torch.float32, torch.float32)


def _native_bfloat16(device: str) -> bool:
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
