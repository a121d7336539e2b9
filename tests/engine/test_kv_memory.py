"""Memory that keys and values take: the pipeline's own count is tokens × bytes, and its room is what Caps promises."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trimtab.engine import OpenVinoEngine, Request, Sampling, TorchEngine, generate
from trimtab.engine.kv import Batch, Row
from trimtab.engine.kv_size import BLOCK, paged_bytes
from trimtab.engine.openvino_engine import available
from trimtab.engine.precision import PLANS, Precision
from trimtab.records import UserError

Prompts = Callable[..., list[tuple[int, ...]]]
needs_openvino = pytest.mark.skipif(not available(), reason="openvino-genai is not installed (the openvino extra)")


@needs_openvino
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8", "int4"])
def test_a_full_context_holds_tokens_times_bytes(
    tiny: Path, tmp_path: Path, prompts: Prompts, precision: Precision
) -> None:
    engine = OpenVinoEngine(tiny, precision=precision, workdir=tmp_path)
    size = paged_bytes(tiny, PLANS[precision].cache)
    try:
        assert engine.cache_use().used == 0
        (done,) = generate(engine, [Request(prompts(engine.caps.context - 8, seed=4)[0], Sampling(max_tokens=8))])
        held = engine.cache_use()
    finally:
        engine.close()
    assert done.finish == "length"
    assert held.used == pytest.approx(engine.caps.context * size, rel=0.10)
    assert held.room == engine.caps.kv_tokens * size
    assert held.room == pytest.approx(1 << 30, rel=0.01)


@needs_openvino
def test_the_cache_grows_by_the_block(tiny: Path, tmp_path: Path, prompts: Prompts) -> None:
    engine = OpenVinoEngine(tiny, precision="f32", workdir=tmp_path)  # its own: in a used one, blocks may come free
    try:
        generate(engine, [Request(prompts(10 * BLOCK - 4, seed=77)[0], Sampling(max_tokens=2))])
        used = engine.cache_use().used
    finally:
        engine.close()
    block = BLOCK * paged_bytes(tiny, "f32")
    assert used == pytest.approx(10 * block, abs=block)


def test_a_long_row_that_grows_spares_little() -> None:
    lengths, row = [], Row(((torch.zeros(2, 1, 4), torch.zeros(2, 1, 4)),))
    batch = Batch([row])
    (layer,) = batch.cache.layers
    for length in range(2, 4000):
        layer.update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
        lengths.append((length, layer._keys.shape[2]))
    assert all(held <= length + max(64, length // 16) for length, held in lengths)
    assert len({held for _, held in lengths}) < 70  # a copy a block of tokens, not one a token


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_torch_engine_refuses_what_it_cannot_do(tiny: Path, precision: str) -> None:
    with pytest.raises(UserError, match=rf"cannot serve {precision} weights; expected bf16 \| f32") as caught:
        TorchEngine(tiny, dtype=precision)
    assert caught.value.field == "serving.precision"


@needs_openvino
@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_quantised_weights_are_other_files_of_one_model(
    tiny: Path, tmp_path: Path, openvino_engine: OpenVinoEngine, prompts: Prompts, precision: Precision
) -> None:
    kind = PLANS[precision].weights
    engine = OpenVinoEngine(tiny, precision=precision, workdir=tmp_path)
    try:
        (file,) = tmp_path.glob("*.gguf")
        assert file.name.endswith(f".{kind}.gguf")
        assert (engine.weights, engine.caps.precision) == (openvino_engine.weights, precision)
        prompt, completion = prompts(12, 30, seed=5)
        exact, coarse = openvino_engine.score(prompt, completion), engine.score(prompt, completion)
    finally:
        engine.close()
    gap = sum(abs(a - b) for a, b in zip(exact, coarse, strict=True)) / len(exact)
    assert 0 < gap < {"int8": 0.3, "int4": 3.0}[precision]
