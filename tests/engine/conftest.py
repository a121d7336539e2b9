"""A tiny model whose weights float16 holds exactly, and the engines over it, opened once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from trimtab.engine import Engine, OpenVinoEngine, TorchEngine
from trimtab.engine.openvino_engine import available
from trimtab.model import Dialect, tiny_random_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model rounded to float16, so that an F16 GGUF of it loses nothing."""
    folder = tiny_random_model(tmp_path_factory.mktemp("tiny") / "model")
    file = folder / "model.safetensors"
    save_file(
        {name: tensor.half().float() for name, tensor in load_file(file).items()}, file, metadata={"format": "pt"}
    )
    return folder


@pytest.fixture(scope="session")
def dialect(tiny: Path) -> Dialect:
    return Dialect.of(tiny)


@pytest.fixture(scope="session")
def torch_engine(tiny: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(tiny)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def openvino_engine(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVinoEngine]:
    if not available():
        pytest.skip("openvino-genai is not installed (the openvino extra)")
    engine = OpenVinoEngine(tiny, precision="f32", workdir=tmp_path_factory.mktemp("gguf"))
    yield engine
    engine.close()


@pytest.fixture(params=["torch", "openvino"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    opened: Engine = request.getfixturevalue(f"{request.param}_engine")
    return opened


@pytest.fixture
def prompts() -> Callable[..., list[tuple[int, ...]]]:
    """Random prompts of the given lengths; the same for the same seed."""

    def make(*lengths: int, seed: int = 0) -> list[tuple[int, ...]]:
        generator = torch.Generator().manual_seed(seed)
        return [tuple(torch.randint(3, 290, (length,), generator=generator).tolist()) for length in lengths]

    return make
