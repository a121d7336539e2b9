"""Which number formats a run computes in: what learns is never narrower than float32, unless its rounding is fair."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from trimtab.train.config import PrecisionSetting
from trimtab.train.processes.world import world


@dataclass(frozen=True, slots=True)
class Precision:
    """Parameters read in ``parameters``; matrix products in ``compute`` (bfloat16 by autocast), attention in float32.

    Purely bfloat16 parameters hardly train: at a learning rate of 1e-5 most updates round to nothing. Where the model
    holds them all the same (``narrow``), the optimiser keeps a float32 master of each, or rounds at random.

    Bytes a trained parameter for weight, gradient and optimiser, and peak memory of a step of 1,024 tokens at 135 M
    parameters on a CPU: float32 16 (3.1 GiB), masters 18 (3.5 GiB), at random 14 (3.2 GiB). What narrow weights save
    is the cast of every matrix in every pass.
    """

    parameters: torch.dtype
    compute: torch.dtype
    narrow: Literal["", "master", "stochastic"] = ""

    @property
    def name(self) -> str:
        return str(self.compute).removeprefix("torch.") + (f"_{self.narrow}" if self.narrow else "")

    def autocast(self, device: str) -> AbstractContextManager[object]:
        """The context for a forward pass of the backbone."""
        own = self.narrow or self.compute == self.parameters
        return nullcontext() if own else torch.autocast(device, dtype=self.compute)


def precision(setting: PrecisionSetting, device: str | None = None) -> Precision:
    """``auto`` is bfloat16 autocast where the hardware multiplies bfloat16, float32 elsewhere; by default on the
    device that this process trains on.

    On a CPU without it bfloat16 falls to reference kernels that are hundreds of times slower than float32.
    ``float64`` is for golden runs and gradient checks.
    """
    if setting == "bfloat16_master":
        return Precision(torch.float32, torch.bfloat16, "master")
    if setting == "bfloat16_stochastic":
        return Precision(torch.float32, torch.bfloat16, "stochastic")
    if setting == "float64":
        return Precision(torch.float64, torch.float64)
    if setting == "bfloat16" or (setting == "auto" and _native_bfloat16(device or world().device)):
        return Precision(torch.float32, torch.bfloat16)
    return Precision(torch.float32, torch.float32)


MASTER = "master"
"""Where a narrowed parameter, and later its optimiser's state, keeps the float32 value."""


def narrow(model: Any, numbers: Precision) -> None:
    """Rounds the parameters to bfloat16 in place, where ``numbers`` says so; what trains remembers its float32."""
    if not numbers.narrow:
        return
    for parameter in model.parameters():
        wide = parameter.data
        parameter.data = wide.to(numbers.compute)
        if numbers.narrow == "master" and parameter.requires_grad:
            setattr(parameter, MASTER, wide)


def take_master(parameter: Tensor) -> Tensor:
    """The float32 value that ``narrow`` remembered, once; without one, the parameter's own."""
    wide: Tensor | None = parameter.__dict__.pop(MASTER, None)
    return parameter.detach().float() if wide is None else wide


def widen(model: Any) -> None:
    """Undoes ``narrow`` where it remembered: nothing is lost."""
    for parameter in model.parameters():
        if MASTER in parameter.__dict__:
            parameter.data = take_master(parameter)


def _native_bfloat16(device: str) -> bool:
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
