"""The optimisers: AdamW, and AdamW for bfloat16 weights whose small updates must not be rounded away."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim.adamw import adamw as _adamw

from trimtab.train.config import TrainConfig
from trimtab.train.forest.precision import MASTER, take_master
from trimtab.train.processes.pieces import local
from trimtab.train.processes.world import world

_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_CHUNK = 1 << 20
"""Numbers that are updated at a time."""


def adamw(model: Any, config: TrainConfig) -> torch.optim.Optimizer:
    """Fused AdamW over what requires a gradient, weight decay on matrices only.

    Parameters in bfloat16 get ``NarrowAdamW``, with masters or stochastic rounding as ``config.precision`` says.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    if any(parameter.dtype == torch.bfloat16 for parameter in trained):
        seed = config.seed if config.precision == "bfloat16_stochastic" else None
        return NarrowAdamW(groups, lr=config.peak_rate, seed=seed)
    return torch.optim.AdamW(groups, lr=config.peak_rate, betas=_BETAS, eps=_EPSILON, fused=True)


class NarrowAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) on bfloat16 parameters; moments and arithmetic in float32.

    Without a ``seed`` each parameter has a float32 master that takes the updates and is rounded to it. With one, the
    updated parameter is rounded up or down at random, with chances that keep its mean: the noise is a function of
    (seed, step, parameter, process), so a resumed run draws it again.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, seed: int | None) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})
        self._seed = seed
        for parameter in self._parameters():
            if not isinstance(parameter, DTensor):  # FSDP sums in float32 of its own accord
                parameter.grad_dtype = torch.float32
            if seed is None:
                self.state[parameter][MASTER] = take_master(parameter)

    def _parameters(self) -> list[Any]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        rates = [(group["lr"], group["weight_decay"]) for group in self.param_groups for _ in group["params"]]
        for index, (parameter, (rate, decay)) in enumerate(zip(self._parameters(), rates, strict=True)):
            if parameter.grad is not None:
                self._update(index, parameter, rate, decay)

    def _update(self, index: int, parameter: Tensor, rate: float, decay: float) -> None:
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=local(parameter).device)
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = torch.zeros_like(parameter, dtype=torch.float32)
        assert parameter.grad is not None
        generator = None if self._seed is None else _generator([self._seed, int(state["step"]), index], parameter)
        places = (
            parameter,
            parameter.grad.contiguous(),
            state.get(MASTER, parameter),
            state["exp_avg"],
            state["exp_avg_sq"],
        )
        before = state["step"].clone()
        for own, grad, wide, first, second in zip(*map(_chunks, places), strict=True):
            weight = wide.float()  # the master itself, or a copy
            state["step"].copy_(before)
            _adamw(
                [weight],
                [grad.float()],
                [first],
                [second],
                [],
                [state["step"]],
                fused=True,
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=rate,
                weight_decay=decay,
                eps=_EPSILON,
                maximize=False,
            )
            own.copy_(weight if generator is None else round_stochastically(weight, generator))


def _generator(source: list[int], parameter: Tensor) -> torch.Generator:
    """Random numbers of this process's own, where the parameter is."""
    seed = int(np.random.SeedSequence([*source, world().rank]).generate_state(1, np.uint64)[0])
    return torch.Generator(local(parameter).device).manual_seed(seed)


def _chunks(tensor: Tensor) -> tuple[Tensor, ...]:
    """Views of what this process holds, small enough that what is computed from them stays in the allocator's hands."""
    return torch.split(local(tensor).view(-1), _CHUNK)


def round_stochastically(wide: Tensor, generator: torch.Generator) -> Tensor:
    """float32 to bfloat16, up with the probability of the part that is cut off (Gupta et al. 2015, section 3).

    Sixteen random bits are added below the bits that bfloat16 keeps.
    """
    words = torch.empty(-(-wide.numel() // 4), dtype=torch.int64, device=wide.device)
    words.random_(torch.iinfo(torch.int64).min, None, generator=generator)
    noise = words.view(torch.int16)[: wide.numel()].to(torch.int32).bitwise_and_(0xFFFF).view(wide.shape)
    bits = noise.add_(wide.contiguous().view(torch.int32)).bitwise_and_(-0x10000)
    return bits.view(torch.float32).to(torch.bfloat16)


def settle(model: Any, optimizer: torch.optim.Optimizer) -> None:
    """Puts the float32 masters in the place of the bfloat16 parameters, as training ends: nothing learned is lost."""
    for parameter in model.parameters():
        if (master := optimizer.state.get(parameter, {}).get(MASTER)) is not None:
            parameter.grad = None
            parameter.data = master
