"""GGUF out and in again is the same model, and the embedded engine reads it as transformers reads its twin."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trimtab.model import Dialect, from_gguf, load, load_tokenizer, save, to_gguf
from trimtab.model.gguf_names import ARCHITECTURES, gguf_name, hf_name, to_halves, to_pairs
from trimtab.records import Message, UserError

IDS = torch.tensor([[1, 5, 9, 40, 200, 2]])


@pytest.fixture(scope="module", params=[known.model_type for known in ARCHITECTURES])
def folder(request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of each architecture, biases and norms random, output head not tied."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = json.loads((tiny / "config.json").read_text())
    kept = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    options = {key: shape[key] for key in (*kept, "vocab_size", "max_position_embeddings")}
    config = AutoConfig.for_model(request.param, tie_word_embeddings=False, head_dim=32, **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, *((1.0, 0.2) if "norm" in name else (0.0, 0.3)))
    return save(model.eval(), tiny, tmp_path_factory.mktemp("gguf") / request.param)


def test_every_weight_comes_back_from_float32(folder: Path, tmp_path: Path) -> None:
    back = from_gguf(to_gguf(folder, tmp_path / "m.gguf", "f32"), tmp_path / "back")
    for (name, ours), (other, theirs) in zip(
        sorted(load(folder).state_dict().items()), sorted(load(back).state_dict().items()), strict=True
    ):
        assert name == other
        assert torch.equal(ours, theirs), name
    assert torch.equal(load(folder)(IDS).logits, load(back)(IDS).logits)


@pytest.mark.parametrize(("kind", "size"), [("f16", 2e-3), ("q8_0", 2e-2), ("q4_0", 0.13)])
def test_shorter_kinds_lose_only_their_rounding(folder: Path, tmp_path: Path, kind: Any, size: float) -> None:
    back = from_gguf(to_gguf(folder, tmp_path / "m.gguf", kind), tmp_path / "back")
    theirs = load(back).state_dict()
    for name, ours in load(folder).state_dict().items():
        assert (ours - theirs[name]).abs().max() <= size * ours.abs().max(), name


def test_the_tokenizer_comes_back(tiny: Path, tmp_path: Path) -> None:
    back = from_gguf(to_gguf(tiny, tmp_path / "m.gguf"), tmp_path / "back")
    chat = [Message("user", "It's 2024,  naïve\n\n  the cat <|im_end|>")]
    assert Dialect.of(back).encode(chat) == Dialect.of(tiny).encode(chat)
    assert Dialect.of(back).template == Dialect.of(tiny).template
    assert len(load_tokenizer(back)) == len(load_tokenizer(tiny))
    assert Dialect.of(back).stop_ids == Dialect.of(tiny).stop_ids


def test_rotary_rows_are_shuffled_as_llama_files_have_them() -> None:
    rows = np.arange(8).reshape(8, 1)  # one head of eight: halves 0-3 and 4-7 interleave
    assert to_pairs(rows, 1).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert to_halves(to_pairs(rows, 2), 2).ravel().tolist() == list(range(8))


def test_names_go_both_ways() -> None:
    for name in ("token_embd.weight", "blk.11.attn_q.bias", "blk.0.ffn_norm.weight", "blk.3.attn_k_norm.weight"):
        assert gguf_name(hf_name(name)) == name
    with pytest.raises(UserError, match="rope_freqs"):
        hf_name("rope_freqs.weight")
    with pytest.raises(UserError, match="lora_A"):
        gguf_name("base_model.model.layers.0.lora_A.weight")


def test_four_bit_blocks_are_read_as_ggml_defines_them(tiny: Path, tmp_path: Path) -> None:
    """Q4_1: 32 values share a float16 scale d and minimum m; value = d·q + m, low nibbles first."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter

    rng = np.random.default_rng(0)
    scale, least = np.float16(0.5), np.float16(-2)
    nibbles = rng.integers(0, 256, 16, dtype=np.uint8)
    block = np.frombuffer(scale.tobytes() + least.tobytes() + nibbles.tobytes(), dtype=np.uint8)[None]
    writer = GGUFWriter(tmp_path / "q.gguf", "llama")
    writer.add_tensor("x", block, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    from trimtab.model.gguf_read import _values

    ((_, values),) = _values(GGUFReader(tmp_path / "q.gguf"))
    plain = [0.5 * int(q) - 2 for q in (*(nibbles & 15), *(nibbles >> 4))]
    assert values.ravel().tolist() == plain


def test_what_cannot_be_converted_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"hello")
    with pytest.raises(UserError, match="not a GGUF"):
        from_gguf(tmp_path / "no.gguf", tmp_path / "x")
    with pytest.raises(UserError, match="q4_k"):
        to_gguf(tiny, tmp_path / "m.gguf", "q4_k")  # type: ignore[arg-type]
    scaled = save(load(tiny), tiny, tmp_path / "scaled")
    config = json.loads((scaled / "config.json").read_text())
    config["rope_parameters"] = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
    (scaled / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="rotary"):
        to_gguf(scaled, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


def test_weights_beyond_float16_are_refused(tiny: Path, tmp_path: Path) -> None:
    model = load(tiny)
    with torch.no_grad():
        model.model.embed_tokens.weight[0, 0] = 1e6
    folder = save(model, tiny, tmp_path / "big")
    with pytest.raises(UserError, match="float16"):
        to_gguf(folder, tmp_path / "m.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["big"]


def test_the_embedded_engine_agrees_with_transformers(folder: Path, tmp_path: Path) -> None:
    genai = pytest.importorskip("openvino_genai")
    assert _distance(genai, folder, to_gguf(folder, tmp_path / "m.gguf")) < 0.02


def test_unshuffled_rotary_rows_would_be_seen(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genai = pytest.importorskip("openvino_genai")
    monkeypatch.setattr("trimtab.model.gguf_write.shuffled_heads", lambda *_: None)
    assert _distance(genai, tiny, to_gguf(tiny, tmp_path / "m.gguf")) > 0.1


def _distance(genai: Any, folder: Path, file: Path) -> float:
    """Mean |Δ| between the log-probs of the embedded engine's greedy tokens and transformers' for the same."""
    prompt = [1, *range(100, 130), 2]
    ids, logprobs = _continuations(genai, file, prompt)
    with torch.no_grad():
        logits = load(folder)(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
    reference = logits.log_softmax(-1)[range(len(ids)), ids]
    return float((torch.tensor(logprobs) - reference).abs().mean())


def _continuations(genai: Any, file: Path, prompt: list[int]) -> tuple[list[int], list[float]]:
    import openvino

    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = 1
    pipeline = genai.ContinuousBatchingPipeline(str(file), scheduler, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    options = genai.GenerationConfig()
    options.max_new_tokens, options.logprobs, options.ignore_eos = 12, 1, True
    handle = pipeline.add_request(0, openvino.Tensor(np.array([prompt], np.int64)), options)
    ids: list[int] = []
    logprobs: list[float] = []
    while pipeline.has_non_finished_requests():
        pipeline.step()
        while handle.can_read():
            for part in handle.read().values():
                ids += part.generated_ids
                logprobs += part.generated_log_probs
    return ids, logprobs


def test_the_end_of_turn_keeps_its_gradient_where_it_is_also_the_padding(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer" / "tokenizer_config.json"
    origin = save(load(tiny), tiny, file.parent)
    file.write_text(file.read_text().replace('"pad_token": "<|endoftext|>"', '"pad_token": "<|im_end|>"'))
    model = load(from_gguf(to_gguf(origin, tmp_path / "m.gguf"), tmp_path / "back"))
    end = Dialect.of(tiny).stop_ids[0]
    assert load_tokenizer(tmp_path / "back").pad_token_id == end
    model.model.embed_tokens(torch.tensor([end])).sum().backward()
    assert model.model.embed_tokens.weight.grad[end].abs().sum() > 0
