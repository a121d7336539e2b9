"""Vectors are those of a plain loop over transformers, whatever the batch; nothing is cut off, nobody is held up."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from trimtab.engine import TextEmbedder
from trimtab.engine.embed import batches
from trimtab.model import load_tokenizer
from trimtab.model.tiny import byte_tokenizer
from trimtab.records import UserError

TEXTS = ["a", "the cat", "A much longer text, of several words and one number: 17.", "Grüße", "the cat", " "]
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT, whose tokenizer file asks for truncation to 8 tokens and for padding to 16."""
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    byte_tokenizer(folder)
    backend: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.enable_truncation(8)
    backend.enable_padding(length=16)
    backend.save(str(folder / "tokenizer.json"))
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=backend.get_vocab_size(), max_position_embeddings=96, **shape))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["causal", "encoder"])
def model(request: pytest.FixtureRequest, tiny: Path, encoder: Path) -> Path:
    return tiny if request.param == "causal" else encoder


@pytest.fixture(scope="module")
def embedder(model: Path) -> Iterator[TextEmbedder]:
    opened = TextEmbedder(model)
    yield opened
    opened.close()


def embed(embedder: TextEmbedder, *inputs: str | Sequence[int]) -> torch.Tensor:
    return torch.tensor(embedder.embed(embedder.prepare(inputs)).result(60))


def plain(folder: Path, text: str) -> torch.Tensor:
    """The slow twin: one text, no padding, no mask, the formula as it stands."""
    from transformers import AutoModel

    tokenizer: Any = load_tokenizer(folder)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    ids = tokenizer.backend_tokenizer.encode(text).ids
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0]
    mean = hidden.sum(0) / len(ids)
    unit: torch.Tensor = mean / (mean * mean).sum().sqrt()
    return unit


def test_vectors_are_the_plain_twins(embedder: TextEmbedder, model: Path) -> None:
    found = embed(embedder, *TEXTS)
    assert found.shape == (len(TEXTS), embedder.dimensions)
    for text, vector in zip(TEXTS, found, strict=True):
        assert torch.allclose(vector, plain(model, text), atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(len(TEXTS)), atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-2)


def test_batching_and_order_never_change_a_vector(embedder: TextEmbedder) -> None:
    alone: dict[str, torch.Tensor] = {}

    @FEW
    @given(st.lists(st.text("the cano. ", min_size=1, max_size=60), min_size=1, max_size=12))
    def same(texts: list[str]) -> None:
        for text, vector in zip(texts, embed(embedder, *texts), strict=True):
            if text not in alone:
                alone[text] = embed(embedder, text)[0]
            assert torch.allclose(vector, alone[text], atol=1e-5)

    same()


def test_the_same_request_gives_the_same_bits_whoever_else_asks(embedder: TextEmbedder) -> None:
    first = embed(embedder, *TEXTS)
    others = [embedder.embed(embedder.prepare([text] * n)) for n, text in enumerate(TEXTS, 1)]
    assert torch.equal(embed(embedder, *TEXTS), first)
    assert all(len(other.result(60)) == n for n, other in enumerate(others, 1))


def test_token_ids_are_taken_as_they_are(embedder: TextEmbedder) -> None:
    ids = embedder.prepare(["the cat"])[0]
    assert torch.equal(embed(embedder, ids), embed(embedder, "the cat"))
    assert embedder.prepare([[5, 6], "a"]) == [(5, 6), *embedder.prepare(["a"])]


def test_nothing_is_cut_off_even_where_the_tokenizers_file_asks_for_it(embedder: TextEmbedder) -> None:
    long = "z" * (embedder.context + 1)
    assert len(embedder.prepare(["z" * embedder.context])[0]) == embedder.context
    with pytest.raises(UserError, match=f"input 1 has {embedder.context + 1} tokens") as refused:
        embedder.prepare(["a", long])
    assert refused.value.field == "input[1]"
    assert str(embedder.context) in (refused.value.expected or "")


@pytest.mark.parametrize("ids", [(), (-1,), (10**6,), (2**70,)])
def test_ids_that_the_model_does_not_have_are_refused_by_their_place(embedder: TextEmbedder, ids: Any) -> None:
    with pytest.raises(UserError) as refused:
        embedder.prepare([(1,), ids])
    assert refused.value.field == "input[1]"


@given(st.lists(st.integers(1, 90), max_size=60), st.integers(1, 200))
def test_batches_hold_every_input_once_within_their_bound_and_alike_in_length(lengths: list[int], most: int) -> None:
    found = batches(lengths, most)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= most
    flat = [lengths[index] for batch in found for index in batch]
    assert flat == sorted(flat)


@pytest.fixture
def gated(tiny: Path) -> Iterator[tuple[TextEmbedder, list[Any], Callable[[], None]]]:
    """An embedder that computes nothing and waits before each batch, what it was given, and a batch's leave to go."""
    embedder = TextEmbedder(tiny)
    go, seen = threading.Semaphore(0), list[Any]()

    def vectors(batch: Any) -> list[list[float]]:
        seen.append(batch)
        assert go.acquire(timeout=20)
        if batch[0] == (13,):
            raise RuntimeError("unlucky")
        return [[float(len(ids))] for ids in batch]

    embedder._model.vectors = vectors  # type: ignore[method-assign]
    yield embedder, seen, go.release
    for _ in range(9):
        go.release()
    embedder.close()


def test_a_large_request_does_not_hold_up_a_small_one(gated: Any) -> None:
    embedder, _, go = gated
    large = embedder.embed([(1,) * 2000] * 3)
    small = embedder.embed([(1,)])
    go()
    go()
    assert small.result(20) == [[1.0]]
    assert not large.done()
    go()
    go()
    assert large.result(20) == [[2000.0]] * 3


def test_a_cancelled_request_stops_after_its_batch_and_a_failing_one_is_alone(gated: Any) -> None:
    embedder, seen, go = gated
    large, unlucky, last = embedder.embed([(1,) * 2000] * 3), embedder.embed([(13,)]), embedder.embed([(2,)])
    large.cancel()
    for _ in range(3):
        go()
    assert last.result(20) == [[1.0]]
    with pytest.raises(RuntimeError, match="unlucky"):
        unlucky.result(20)
    with pytest.raises(CancelledError):
        large.result(20)
    assert len([batch for batch in seen if len(batch[0]) == 2000]) <= 1


def test_closing_leaves_nobody_waiting(gated: Any) -> None:
    embedder, _, go = gated
    running, waiting = embedder.embed([(1,) * 2000] * 2), embedder.embed([(1,)])
    closing = threading.Thread(target=embedder.close)
    closing.start()
    go()
    closing.join(20)
    for left in (running, waiting):
        with pytest.raises(RuntimeError, match="closed"):
            left.result(20)
    with pytest.raises(RuntimeError, match="closed"):
        embedder.embed([(1,)])


def test_a_folder_without_all_of_its_weights_is_refused(encoder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(encoder, tmp_path / "torn")
    tensors = load_file(folder / "model.safetensors")
    (lost,) = [name for name in tensors if name.endswith("layer.1.output.dense.weight") and "attention" not in name]
    kept = {name: tensor for name, tensor in tensors.items() if name != lost}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="lacks weights") as refused:
        TextEmbedder(folder)
    assert "layer.1.output.dense.weight" in (refused.value.expected or "")


@pytest.mark.parametrize(
    ("pooling", "other", "named"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, [], "cls_token"),
        ({"pooling_mode": "lasttoken"}, [], "lasttoken"),
        ({"pooling_mode_mean_tokens": True}, ["sentence_transformers.models.Dense"], "Dense"),
    ],
)
def test_a_model_that_was_made_for_another_pooling_is_refused(
    encoder: Path, tmp_path: Path, pooling: dict[str, Any], other: list[str], named: str
) -> None:
    folder = shutil.copytree(encoder, tmp_path / "pooled")
    kinds = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling", *other]
    rows = [{"type": kind, "path": "" if i == 0 else f"{i}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "1").mkdir()
    (folder / "1/config.json").write_text(json.dumps(pooling | {"word_embedding_dimension": 32}))
    with pytest.raises(UserError, match=f"made by {named}"):
        TextEmbedder(folder)
    (folder / "1/config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True, "include_prompt": True}))
    (folder / "modules.json").write_text(json.dumps(rows[:2]))
    TextEmbedder(folder).close()


def test_what_is_no_model_is_refused(encoder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(encoder, tmp_path / "odd")
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(UserError, match="no model to embed with"):
        TextEmbedder(folder)
    with pytest.raises(UserError, match="no such model folder"):
        TextEmbedder(tmp_path / "nowhere")


def test_positions_that_begin_behind_the_paddings_are_no_room_for_tokens(tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaModel

    byte_tokenizer(tmp_path)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    RobertaModel(RobertaConfig(vocab_size=400, max_position_embeddings=34, pad_token_id=1, **shape)).save_pretrained(
        tmp_path
    )
    embedder = TextEmbedder(tmp_path)
    try:
        assert embedder.context == 32
        assert len(embed(embedder, "z" * 32)) == 1
    finally:
        embedder.close()


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    from transformers import T5Config, T5Model

    byte_tokenizer(tmp_path)
    T5Model(T5Config(vocab_size=400, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="an encoder with a decoder"):
        TextEmbedder(tmp_path)
