"""Adapters by name: a row of a mixed batch is answered as its merged model alone would answer it, or refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.engine import OpenVinoEngine, Request, Sampling, TorchEngine, Unsupported, generate
from trimtab.engine.adapters import Adapters
from trimtab.engine.batch import Gather
from trimtab.model import load, tiny_random_model
from trimtab.model.lora_folder import merged_folder, read_lora, save_lora
from trimtab.records import UserError

_ATTENTION = ("q_proj", "v_proj")
NAMES = ("plain", "rooted", "wide")
Prompts = Callable[..., list[tuple[int, ...]]]


def make_adapter(base: Path, folder: Path, seed: int, rank: int, parts: tuple[str, ...], **settings: Any) -> Path:
    """Random A and B on the named layers, large enough to change what is said."""
    generator = torch.Generator().manual_seed(seed)
    layers = {}
    for path, module in load(base).named_modules():
        if path.rsplit(".", 1)[-1] in parts and isinstance(module, torch.nn.Linear):
            a = torch.randn(rank, module.in_features, generator=generator) * 0.2
            layers[path] = a, torch.randn(module.out_features, rank, generator=generator) * 0.2
    return save_lora(layers, {"r": rank, "lora_alpha": 2 * rank, **settings}, folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base and three adapters of different rank, scale and layers; and each merged into the base."""
    home = tmp_path_factory.mktemp("adapters")
    base = tiny_random_model(home / "base", seed=5)
    found = {
        "": base,
        "plain": make_adapter(base, home / "plain", 1, 4, _ATTENTION),
        "rooted": make_adapter(base, home / "rooted", 2, 8, (*_ATTENTION, "o_proj", "up_proj"), use_rslora=True),
        "wide": make_adapter(base, home / "wide", 3, 2, ("down_proj", "gate_proj", "k_proj")),
    }
    return found | {f"merged {name}": merged_folder(base, found[name], home / f"m-{name}") for name in NAMES}


@pytest.fixture(scope="module")
def engine(folders: dict[str, Path]) -> Iterator[TorchEngine]:
    engine = TorchEngine(folders[""], dtype="float64", capacity=5)
    for name in NAMES:
        engine.add_adapter(name, folders[name])
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def alone(folders: dict[str, Path]) -> dict[str, Any]:
    """Each adapter's plain merged model, and the base."""
    exact: dict[str, Any] = {"": load(folders[""], dtype="float64")}
    for name in NAMES:
        exact[name] = load(folders[""], dtype="float64")
        lora = read_lora(folders[name])
        with torch.no_grad():
            for path, (a, b) in lora.layers.items():
                exact[name].get_submodule(path).weight += lora.scale * (b.double() @ a.double())
    return exact


def plain_logprobs(model: Any, prompt: tuple[int, ...], said: tuple[int, ...]) -> list[float]:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[*prompt, *said]])).logits[0].log_softmax(-1)
    return [float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(said)]


def gap(left: Any, right: Any) -> float:
    return max(abs(float(a) - float(b)) for a, b in zip(left, right, strict=True))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("", *NAMES)), st.lists(st.integers(3, 280), min_size=1, max_size=12)),
        min_size=1,
        max_size=9,
    )
)
def test_in_any_mix_a_row_has_the_logprobs_of_its_merged_model_alone(
    engine: TorchEngine, alone: dict[str, Any], asked: list[tuple[str, list[int]]]
) -> None:
    lengths = [3 + 2 * i for i in range(len(asked))]  # rows leave at different steps
    requests = [
        Request(tuple(ids), Sampling(length, temperature=1.0, seed=7), adapter=name)
        for (name, ids), length in zip(asked, lengths, strict=True)
    ]
    for request, done in zip(requests, generate(engine, requests), strict=True):
        assert done.finish == "length", done.error
        exact = plain_logprobs(alone[request.adapter], request.prompt_ids, done.token_ids)
        # Chunks carry log-probs that ``pick`` computes in float32; the float64 bound is held below, by ``score``.
        assert gap(done.logprobs, exact) < 1e-5
        scored = engine.score(request.prompt_ids, done.token_ids, request.adapter)
        assert gap(scored, exact) < 1e-9


def test_a_mixed_step_is_exact_to_the_ninth_digit(folders: dict[str, Path], alone: dict[str, Any]) -> None:
    model = load(folders[""], dtype="float64")
    adapters = Adapters(model)
    for name in NAMES:
        adapters.add(adapters.read(name, folders[name]))
    ids = torch.arange(3, 43).reshape(5, 8)
    rows = ["wide", "", "plain", "wide", "rooted"]
    with torch.inference_mode():
        with adapters.rows([adapters.get(name) for name in rows]):
            mixed = model(input_ids=ids).logits
        bare = model(input_ids=ids).logits
        for b, name in enumerate(rows):
            assert float((mixed[b] - alone[name](input_ids=ids[b : b + 1]).logits[0]).abs().max()) < 1e-9
        assert torch.equal(bare, alone[""](input_ids=ids).logits), "outside a step nothing is added"
        with adapters.rows([adapters.get(name) for name in reversed(rows)]):  # the check sees rows mixed up
            assert float((model(input_ids=ids).logits - mixed).abs().max()) > 0.1


def test_one_prompt_asked_of_each_adapter_shares_no_computed_prefix(
    engine: TorchEngine, alone: dict[str, Any], prompts: Prompts
) -> None:
    (prompt,) = prompts(40, seed=9)
    for name in ("", *NAMES, "", *NAMES):  # the second round finds every prefix computed, each under its own name
        (done,) = generate(engine, [Request(prompt, Sampling(6), adapter=name)])
        exact = plain_logprobs(alone[name], prompt, done.token_ids)
        assert gap(done.logprobs, exact) < 1e-5
        assert gap(engine.score(prompt, done.token_ids, name), exact) < 1e-9


def test_merging_writes_a_plain_model_that_says_the_same(folders: dict[str, Path], prompts: Prompts) -> None:
    (prompt,) = prompts(12)
    engine = TorchEngine(folders[""])
    try:
        engine.add_adapter("rooted", folders["rooted"])
        (done,) = generate(engine, [Request(prompt, Sampling(8), adapter="rooted")])
        exact = plain_logprobs(load(folders["merged rooted"]), prompt, done.token_ids)
        assert gap(done.logprobs, exact) < 1e-4
        assert gap(engine.score(prompt, done.token_ids), exact) > 0.01, "the base says something else"
    finally:
        engine.close()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT asks for an old name
def test_peft_agrees_on_the_scale_and_saves_what_we_read(folders: dict[str, Path], tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    model = load(folders[""], dtype="float64")
    wrapped = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj"], init_lora_weights=False)
    )
    wrapped.save_pretrained(tmp_path / "a", safe_serialization=True)
    ids = torch.arange(3, 20)[None]
    base = load(folders[""], dtype="float64")
    theirs = PeftModel.from_pretrained(load(folders[""], dtype="float64"), tmp_path / "a").eval()
    adapters = Adapters(base)
    adapters.add(adapters.read("a", tmp_path / "a"))
    with torch.inference_mode(), adapters.rows([adapters.get("a")]):
        assert float((base(input_ids=ids).logits - theirs(input_ids=ids).logits).abs().max()) < 1e-9


def test_what_is_not_served_is_refused_and_never_the_base(engine: TorchEngine) -> None:
    for name in ("nobody", "Plain", " "):
        with pytest.raises(Unsupported, match="no adapter") as caught:
            engine.submit(Request((5, 6), adapter=name), lambda chunk: None)
        assert caught.value.field == "model"
        with pytest.raises(Unsupported):
            engine.score((5,), (6,), name)
    assert engine.caps.adapters == frozenset(NAMES)


def test_openvino_refuses_an_adapter(openvino_engine: OpenVinoEngine) -> None:
    with pytest.raises(Unsupported, match="no adapters by name"):
        openvino_engine.submit(Request((5, 6), adapter="plain"), lambda chunk: None)


def test_adapters_come_and_go_while_requests_run(folders: dict[str, Path], alone: dict[str, Any]) -> None:
    engine = TorchEngine(folders[""], dtype="float64", capacity=2)
    try:
        engine.add_adapter("plain", folders["plain"])
        gathered = [Gather() for _ in range(6)]
        for i, gather in enumerate(gathered):  # more than run at once: some still wait when the name goes
            engine.submit(Request((7 + i, 8), Sampling(40), adapter="plain"), gather.take)
        engine.add_adapter("wide", folders["wide"])
        engine.remove_adapter("plain")
        assert engine.caps.adapters == frozenset({"wide"})
        with pytest.raises(Unsupported):
            engine.submit(Request((7, 8), adapter="plain"), lambda chunk: None)
        for i, gather in enumerate(gathered):
            done = gather.completion("")
            assert done.finish == "length", done.error
            assert gap(done.logprobs, plain_logprobs(alone["plain"], (7 + i, 8), done.token_ids)) < 1e-5
        with pytest.raises(UserError, match="no adapter 'plain'"):
            engine.remove_adapter("plain")
        with pytest.raises(UserError, match="other weights"):
            engine.add_adapter("plain", folders["wide"])
        engine.add_adapter("plain", folders["plain"])
        (done,) = generate(engine, [Request((7, 8), Sampling(4), adapter="plain")])
        assert gap(done.logprobs, plain_logprobs(alone["plain"], (7, 8), done.token_ids)) < 1e-5
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "lora_only"}, "bias"),
        ({"lora_bias": True}, "lora_bias"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"alpha_pattern": {"q_proj": 3}}, "alpha_pattern"),
        ({"rank_pattern": {"q_proj": 3}}, "rank_pattern"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"something_new": 1}, "something_new"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"r": 5}, "rank 4"),
        ({"r": "4"}, "whole rank"),
    ],
)
def test_a_setting_we_cannot_honour_is_refused(
    folders: dict[str, Path], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = make_adapter(folders[""], tmp_path / "a", 1, 4, _ATTENTION)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match=said):
        read_lora(folder)


def test_an_adapter_of_another_model_or_none_at_all_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    adapters = Adapters(load(folders[""]))
    shapes = {"model.layers.0.self_attn.q_proj": (torch.zeros(2, 9), torch.zeros(9, 2))}
    names = {"model.layers.7.self_attn.q_proj": (torch.zeros(2, 64), torch.zeros(64, 2))}
    tied = {"lm_head": (torch.zeros(2, 64), torch.zeros(load(folders[""]).config.vocab_size, 2))}
    for i, (layers, said) in enumerate(((shapes, "is \\(64, 64\\) here"), (names, "no linear"), (tied, "embeddings"))):
        folder = save_lora(layers, {"r": 2, "lora_alpha": 2}, tmp_path / str(i))
        with pytest.raises(UserError, match=said):
            adapters.read("a", folder)
    with pytest.raises(UserError, match="no adapter_config"):
        read_lora(tmp_path)
    save_lora({"x": (torch.zeros(1, 2), torch.zeros(2, 1))}, {"r": 1, "lora_alpha": 1}, tmp_path / "bad")
    (tmp_path / "bad" / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be read"):
        read_lora(tmp_path / "bad")


def test_a_real_model_under_an_adapter_says_what_its_merged_weights_say(tmp_path: Path) -> None:
    from trimtab.model import DEFAULT_MODEL, resolve

    try:
        base = resolve(DEFAULT_MODEL)
    except UserError as error:
        pytest.skip(f"no model of {DEFAULT_MODEL} here: {error}")
    model = load(base)
    layers = {}
    for i in (0, 14, 29):
        for part in ("self_attn.q_proj", "mlp.down_proj"):
            path, generator = f"model.layers.{i}.{part}", torch.Generator().manual_seed(i)
            weight = model.get_submodule(path).weight
            a = torch.randn(8, weight.shape[1], generator=generator) * 0.02
            layers[path] = a, torch.randn(weight.shape[0], 8, generator=generator) * 0.02
    folder = save_lora(layers, {"r": 8, "lora_alpha": 16}, tmp_path / "a")
    adapters, ids = Adapters(model), torch.randint(3, 40_000, (2, 12), generator=torch.Generator().manual_seed(1))
    adapters.add(adapters.read("a", folder))
    with torch.inference_mode():
        with adapters.rows([None, adapters.get("a")]):
            mixed = model(input_ids=ids).logits.log_softmax(-1)
        bare = model(input_ids=ids).logits.log_softmax(-1)
    for path, (a, b) in layers.items():
        model.get_submodule(path).weight.data += 2 * (b @ a)
    with torch.inference_mode():
        merged = model(input_ids=ids).logits.log_softmax(-1)
    assert float((mixed[1] - merged[1]).abs().max()) < 1e-4
    assert float((mixed[0] - bare[0]).abs().max()) < 1e-4
    assert float((mixed[1] - bare[1]).abs().max()) > 0.01
