"""What learns is never narrower than float32, unless its rounding is fair; and bfloat16 only where it is native."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import random_groups

from trimtab.model import load
from trimtab.train import optimisers
from trimtab.train.config import SftConfig
from trimtab.train.forest import precision as module
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import MASTER, Precision, narrow, precision, take_master, widen
from trimtab.train.forest.score import choose_scorer
from trimtab.train.loop import optimiser_step
from trimtab.train.objectives import sft
from trimtab.train.optimisers import NarrowAdamW, adamw, round_stochastically, settle

RATE = 1e-5


@pytest.mark.parametrize("setting", ["auto", "float32", "bfloat16", "float64"])
def test_parameters_are_at_least_float32(setting: Any) -> None:
    assert precision(setting).parameters.itemsize >= 4


@pytest.mark.parametrize(("native", "compute"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_follows_the_hardware(monkeypatch: pytest.MonkeyPatch, native: bool, compute: torch.dtype) -> None:
    monkeypatch.setattr(module, "_native_bfloat16", lambda device: native)
    assert precision("auto").compute == compute


def test_each_setting_has_a_name_of_its_own() -> None:
    settings: list[Any] = ["float32", "bfloat16", "bfloat16_master", "bfloat16_stochastic", "float64"]
    assert [precision(setting).name for setting in settings] == settings


def test_masters_begin_at_the_float32_values_not_at_the_rounded_ones(model: Any) -> None:
    wide = {name: p.detach().clone() for name, p in model.named_parameters()}
    narrow(model, precision("bfloat16_master"))
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    optimizer = adamw(model, SftConfig(precision="bfloat16_master"))
    for name, parameter in model.named_parameters():
        assert torch.equal(optimizer.state[parameter][MASTER], wide[name])
        assert not torch.equal(parameter.float(), wide[name]) or parameter.ndim == 1
        assert MASTER not in parameter.__dict__
    settle(model, optimizer)
    assert all(torch.equal(p, wide[name]) for name, p in model.named_parameters())


def test_widening_undoes_narrowing(model: Any) -> None:
    wide = [p.detach().clone() for p in model.parameters()]
    narrow(model, precision("bfloat16_master"))
    widen(model)
    assert all(torch.equal(p, before) for p, before in zip(model.parameters(), wide, strict=True))


def test_what_is_frozen_needs_no_master(model: Any) -> None:
    model.requires_grad_(False)
    narrow(model, precision("bfloat16_master"))
    assert not any(MASTER in p.__dict__ for p in model.parameters())
    assert take_master(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32


def learned(folder: Any, setting: Any, steps: int = 4) -> tuple[float, list[float]]:
    """Share of the parameters that ``steps`` small steps moved, and the losses; ``plain`` rounds every update."""
    model: Any = load(folder)
    numbers = Precision(torch.float32, torch.bfloat16, "stochastic") if setting == "plain" else precision(setting)
    narrow(model, numbers)
    before = [p.detach().clone() for p in model.parameters()]
    config = SftConfig(learning_rate=RATE) if setting == "plain" else SftConfig(learning_rate=RATE, precision=setting)
    optimizer: Any = torch.optim.AdamW(model.parameters(), lr=RATE) if setting == "plain" else adamw(model, config)
    groups = random_groups(0, groups=6)
    score = choose_scorer(model, numbers, groups[:2]).score
    batches = pack(groups, 10_000, sum(s.weight for (s,) in groups))
    losses = [optimiser_step(model, optimizer, batches, score, sft, RATE, 1.0)["loss"] for _ in range(steps)]
    settle(model, optimizer)
    touched = [torch.ne(p, b) for p, b in zip(model.parameters(), before, strict=True)]
    return sum(int(t.sum()) for t in touched) / sum(t.numel() for t in touched), losses


def test_plain_bfloat16_updates_vanish_at_a_small_rate_and_masters_and_fair_rounding_keep_them(folder: Any) -> None:
    moved = {setting: learned(folder, setting)[0] for setting in ("plain", "bfloat16_master")}
    assert moved["plain"] < 0.05
    assert moved["bfloat16_master"] > 0.9


@pytest.mark.parametrize("setting", ["bfloat16_master", "bfloat16_stochastic"])
def test_small_updates_add_up_as_in_float32(folder: Any, setting: str) -> None:
    """The mean movement along float32's own: 1 where nothing is lost, near 0 where updates round away."""
    start: Any = load(folder)
    wide, ours, plain = (moved_to(folder, name) for name in ("float32", setting, "plain"))
    origin = torch.cat([p.detach().flatten() for p in start.parameters()])
    rounded = origin.bfloat16().float()
    aim = wide - origin
    assert along(ours - (origin if setting.endswith("master") else rounded), aim) == pytest.approx(1, abs=0.15)
    assert along(plain - rounded, aim) < 0.3


def moved_to(folder: Any, setting: Any) -> torch.Tensor:
    """All parameters after 8 steps along one and the same gradient sign: what the optimiser alone does."""
    model: Any = load(folder)
    numbers = Precision(torch.float32, torch.bfloat16, "stochastic") if setting == "plain" else precision(setting)
    narrow(model, numbers)
    config = SftConfig(learning_rate=RATE, precision="float32" if setting == "plain" else setting)
    optimizer: Any = (
        torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0) if setting == "plain" else adamw(model, config)
    )
    for _ in range(8):
        random = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=random).to(
                getattr(parameter, "grad_dtype", None) or parameter.dtype
            )
        optimizer.step()
    settle(model, optimizer)
    return torch.cat([p.detach().float().flatten() for p in model.parameters()])


def along(moved: torch.Tensor, aim: torch.Tensor) -> float:
    return float(moved @ aim / (aim @ aim))


def rounded_with(wide: torch.Tensor, seed: int) -> torch.Tensor:
    return round_stochastically(wide, torch.Generator().manual_seed(seed))


@given(st.floats(-1e4, 1e4, width=32, allow_subnormal=False), st.integers(0, 1000))
def test_stochastic_rounding_goes_to_a_neighbour(value: float, seed: int) -> None:
    wide = torch.full((64,), value)
    rounded = rounded_with(wide, seed).float()
    below = (wide.view(torch.int32) & -0x10000).view(torch.float32)
    above = ((wide.view(torch.int32) & -0x10000) + 0x10000).view(torch.float32)
    assert bool(((rounded == below) | (rounded == above)).all())
    if float(below[0]) == value:
        assert torch.equal(rounded, wide)


def test_stochastic_rounding_keeps_the_mean() -> None:
    low, high = 1.0, 1.0078125
    wide = torch.full((100_000,), low + 0.3 * (high - low))
    up = float((rounded_with(wide, 1).float() == high).double().mean())
    assert up == pytest.approx(0.3, abs=4 * (0.21 / 100_000) ** 0.5)


def test_stochastic_rounding_is_a_function_of_its_seed() -> None:
    wide = torch.rand(1000)
    assert torch.equal(rounded_with(wide, 2), rounded_with(wide, 2))
    assert not torch.equal(rounded_with(wide, 2), rounded_with(wide, 3))


def test_what_is_no_number_stays_none() -> None:
    wide = torch.tensor([float("inf"), float("-inf"), float("nan")])
    rounded = rounded_with(wide, 0).float()
    assert rounded[0] == float("inf")
    assert rounded[1] == float("-inf")
    assert bool(rounded[2].isnan())


def test_micro_batches_of_bfloat16_weights_add_up_in_float32(folder: Any) -> None:
    """A thousand gradients of 1e-3 after one of 1: in bfloat16 each of them would round away."""
    weight = torch.nn.Parameter(torch.ones(4, 4, dtype=torch.bfloat16))
    optimizer = NarrowAdamW([{"params": [weight], "weight_decay": 0.0}], lr=RATE, seed=None)
    weight.sum().backward()  # type: ignore[no-untyped-call]
    for _ in range(1000):
        (weight * 1e-3).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    torch.testing.assert_close(weight.grad, torch.full((4, 4), 2.0), rtol=5e-3, atol=0)
    del optimizer


def test_masters_update_as_float32_adamw_does() -> None:
    random = torch.Generator().manual_seed(0)
    wide = torch.nn.Parameter(torch.randn(8, 8, generator=random).bfloat16().float())
    slim = torch.nn.Parameter(wide.detach().bfloat16())
    plain = torch.optim.AdamW([wide], lr=1e-2, weight_decay=0.1)
    ours = NarrowAdamW([{"params": [slim], "weight_decay": 0.1}], lr=1e-2, seed=None)
    for _ in range(5):
        wide.grad = torch.randn(8, 8, generator=random)
        slim.grad = wide.grad.clone()
        plain.step()
        ours.step()
    torch.testing.assert_close(ours.state[slim][MASTER], wide.detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(slim, wide.detach().bfloat16())


@pytest.mark.parametrize("seed", [None, 3])
def test_chunks_do_not_change_an_update(monkeypatch: pytest.MonkeyPatch, seed: int | None) -> None:
    def updated(chunk: int) -> list[torch.Tensor]:
        monkeypatch.setattr(optimisers, "_CHUNK", chunk)
        random = torch.Generator().manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(9, 8, generator=random).bfloat16())
        optimizer = NarrowAdamW([{"params": [weight], "weight_decay": 0.1}], lr=1e-2, seed=seed)
        for _ in range(3):
            weight.grad = torch.randn(9, 8, generator=random)
            optimizer.step()
        state = optimizer.state[weight]
        return [state["step"], state["exp_avg"], state["exp_avg_sq"], *([] if seed else [weight, state[MASTER]])]

    for whole, pieces in zip(updated(1 << 20), updated(16), strict=True):
        assert torch.equal(whole, pieces)
