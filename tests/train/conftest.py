"""A tiny model and hand-made token groups for the trainer's tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from trimtab.model import load, tiny_random_model
from trimtab.train.forest.batch import Group, TokenSequence


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def model(folder: Path) -> Any:
    return load(folder)


@pytest.fixture
def model64(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """In float64 throughout: transformers' own norm would compute in float32."""

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)

    monkeypatch.setattr(LlamaRMSNorm, "forward", forward)
    return load(folder, dtype="float64")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def sequence(ids: list[int], scored: int, *, example: str = "", label: int = 0) -> TokenSequence:
    """A sequence whose last ``scored`` tokens are learned with weight 1."""
    weight = np.zeros(len(ids), np.float32)
    weight[len(ids) - scored :] = 1
    return TokenSequence(np.array(ids), weight, example, label)


def random_groups(seed: int, *, system: int = 40, groups: int = 4, pair: bool = False) -> list[Group]:
    """Groups of rows under one system prompt; pairs share a longer prompt."""
    random = np.random.default_rng(seed)
    prefix = random.integers(3, 280, system).tolist()
    made: list[Group] = []
    for number in range(groups):
        prompt = prefix + random.integers(3, 280, int(random.integers(1, 12))).tolist()
        members = []
        for label in (1, -1) if pair else (0,):
            answer = random.integers(3, 280, int(random.integers(1, 9))).tolist()
            members.append(sequence(prompt + answer, len(answer), example=f"{number}/{label}", label=label))
        made.append(tuple(members))
    return made
