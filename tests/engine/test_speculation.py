"""Guessing ahead changes how many forwards an answer takes, never the answer."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from trimtab.engine import (
    Chunk,
    Completion,
    Constraint,
    Engine,
    Form,
    OpenVinoEngine,
    Request,
    Sampling,
    Speculation,
    TorchEngine,
    Unsupported,
    generate,
    kv,
    lookup,
)
from trimtab.engine.lookup import Lookup, accept
from trimtab.engine.openvino_engine import available

Prompts = Callable[..., list[tuple[int, ...]]]
LOOKUP = Speculation("lookup", tokens=4, ngram=3)


@pytest.fixture(scope="module")
def looping(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that mostly goes round: its head answers each token with its neighbour in a ring of seven.

    What its layers add, quietened, breaks a ring now and then, so that some proposals are right and some are wrong.
    """
    folder = tmp_path_factory.mktemp("looping") / "model"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    weights = {
        name: (0.05 * tensor).half().float() if name.endswith(("o_proj.weight", "down_proj.weight")) else tensor
        for name, tensor in weights.items()
    }
    embedding = weights["model.embed_tokens.weight"]
    before = [t - 1 if t % 7 else min(t + 6, len(embedding) - 1) for t in range(len(embedding))]
    weights["lm_head.weight"] = embedding[before].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    return folder


@pytest.fixture(scope="module")
def plain64(looping: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(looping, dtype="float64")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def fast64(looping: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(looping, dtype="float64", speculation=LOOKUP)
    yield engine
    engine.close()


def repeating(prompts: Prompts, *lengths: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Prompts that say everything three times over."""
    return [prompt * 3 for prompt in prompts(*lengths, seed=seed)]


def slow_proposal(ids: list[int], ngram: int, most: int) -> list[int]:
    """The plain twin of ``Lookup.propose``: scan back for the longest n-gram that ended before the last token."""
    for size in range(ngram, 1, -1):
        for end in range(len(ids) - 1, size - 1, -1):
            if len(ids) > size and ids[end - size : end] == ids[-size:]:
                return ids[end : end + most]
    return []


def assert_same(fast: list[Completion], plain: list[Completion], tolerance: float = 1e-4) -> None:
    for quick, slow in zip(fast, plain, strict=True):
        assert (quick.token_ids, quick.finish) == (slow.token_ids, slow.finish)
        assert quick.logprobs == pytest.approx(slow.logprobs, abs=tolerance)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(2, 4), st.integers(0, 6))
def test_look_up_finds_what_a_plain_scan_finds(ids: list[int], ngram: int, most: int) -> None:
    assert Lookup(ids, ngram).propose(most) == slow_proposal(ids, ngram, most)


def test_look_up_proposes_what_followed_the_latest_place() -> None:
    assert Lookup([1, 2, 3, 9, 1, 2, 4, 9, 1, 2], 3).propose(2) == [4, 9]
    assert Lookup([5, 6, 7], 3).propose(4) == []


def test_accepting_stops_at_the_first_difference_a_finish_and_the_proposals_end() -> None:
    def model(*tokens: int, stop: int = -1) -> Callable[[int], Chunk]:
        return lambda t: Chunk((tokens[t],), (-float(t),), "stop" if t == stop else None)

    assert accept([5, 6], model(5, 6, 7)) == Chunk((5, 6, 7), (-0.0, -1.0, -2.0))
    assert accept([5, 6], model(5, 8, 7)).token_ids == (5, 8)
    assert accept([5, 6], model(5, 6, 7, stop=1)) == Chunk((5, 6), (-0.0, -1.0), "stop")
    assert accept([], model(4)).token_ids == (4,)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.lists(st.integers(3, 290), min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 24)),
        min_size=1,
        max_size=5,
    )
)
@example([([7, 8, 9], 4, 24), ([250], 1, 24), ([11, 12], 3, 1)])
def test_any_batch_of_greedy_requests_gets_its_plain_answers(
    plain64: TorchEngine, fast64: TorchEngine, asked: list[tuple[list[int], int, int]]
) -> None:
    requests = [Request(tuple(ids) * times, Sampling(max_tokens=most)) for ids, times, most in asked]
    assert_same(generate(fast64, requests), generate(plain64, requests), 1e-9)


def test_repeating_prompts_take_fewer_forwards_than_tokens(fast64: TorchEngine, prompts: Prompts) -> None:
    before = fast64.counts.copy()
    answers = generate(fast64, [Request(p, Sampling(max_tokens=60)) for p in repeating(prompts, 9, 14)])
    counts = fast64.counts.since(before)
    assert counts.emitted == sum(len(answer.token_ids) - 1 for answer in answers)  # the first is the prompt's
    assert counts.emitted == counts.turns + counts.accepted
    assert 0 < counts.accepted <= counts.proposed < counts.verified
    assert counts.turns < counts.emitted


def test_a_wrong_acceptance_rule_is_caught(
    plain64: TorchEngine, fast64: TorchEngine, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [Request(p, Sampling(max_tokens=40)) for p in repeating(prompts, 5, 9, 14, seed=1)]
    monkeypatch.setattr(lookup, "agrees", lambda proposed, taken: True)
    with pytest.raises(AssertionError):
        assert_same(generate(fast64, requests), generate(plain64, requests))


def test_rows_that_are_not_aligned_again_are_caught(
    plain64: TorchEngine, looping: Path, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [Request(p, Sampling(max_tokens=40)) for p in repeating(prompts, 5, 9, 14, seed=1)]
    monkeypatch.setattr(kv._GrowingLayer, "align", lambda self, starts, lengths: self._show(max(lengths)))
    engine = TorchEngine(looping, dtype="float64", speculation=LOOKUP)
    try:
        with pytest.raises(AssertionError):
            assert_same(generate(engine, requests), generate(plain64, requests))
    finally:
        engine.close()


@pytest.fixture(scope="module")
def fast_torch(looping: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(looping, speculation=LOOKUP)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def fast_openvino(looping: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVinoEngine]:
    if not available():
        pytest.skip("openvino-genai is not installed (the openvino extra)")
    engine = OpenVinoEngine(looping, precision="f32", workdir=tmp_path_factory.mktemp("gguf"), speculation=LOOKUP)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def drafted_openvino(looping: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVinoEngine]:
    if not available():
        pytest.skip("openvino-genai is not installed (the openvino extra)")
    draft = Speculation("draft", tokens=4)
    engine = OpenVinoEngine(looping, precision="f32", workdir=tmp_path_factory.mktemp("gguf"), speculation=draft)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def plain_torch(looping: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(looping)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def plain_openvino(looping: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVinoEngine]:
    engine = OpenVinoEngine(looping, precision="f32", workdir=tmp_path_factory.mktemp("gguf"))
    yield engine
    engine.close()


@pytest.fixture(params=["fast_torch", "fast_openvino", "drafted_openvino"])
def pair(request: pytest.FixtureRequest) -> tuple[Engine, Engine]:
    """An engine that guesses, and the same one that does not."""
    fast: Engine = request.getfixturevalue(request.param)
    plain: Engine = request.getfixturevalue("plain_torch" if "torch" in request.param else "plain_openvino")
    return fast, plain


def counts_of(engine: Engine) -> lookup.Counts:
    assert isinstance(engine, TorchEngine | OpenVinoEngine)
    return engine.counts


def test_greedy_answers_are_the_plain_engines(pair: tuple[Engine, Engine], prompts: Prompts) -> None:
    fast, plain = pair
    asked = [*repeating(prompts, 4, 11, 20), *prompts(6, 33, 1, seed=2)]
    requests = [Request(prompt, Sampling(max_tokens=30)) for prompt in asked]
    assert_same(generate(fast, requests), generate(plain, requests))
    assert [generate(fast, [r])[0].token_ids for r in requests[:3]] == [
        answer.token_ids for answer in generate(plain, requests[:3])
    ]
    assert counts_of(fast).accepted > 0
    assert fast.caps.speculates


def test_max_tokens_and_stop_ids_cut_in_the_middle_of_an_accepted_run(
    pair: tuple[Engine, Engine], prompts: Prompts
) -> None:
    fast, plain = pair
    (prompt,) = repeating(prompts, 11, seed=3)
    (free,) = generate(plain, [Request(prompt, Sampling(max_tokens=24))])
    cut = [Request(prompt, Sampling(max_tokens=most)) for most in range(1, 12)]
    cut += [Request(prompt, Sampling(max_tokens=24, stop_ids=(token, 299))) for token in sorted(set(free.token_ids))]
    assert_same(generate(fast, cut), generate(plain, cut))


def test_a_batch_of_greedy_drawn_and_plain_requests_gets_the_plain_answers(
    pair: tuple[Engine, Engine], prompts: Prompts
) -> None:
    fast, plain = pair
    asked = repeating(prompts, 8, 13, 5, seed=4)
    draw = Sampling(max_tokens=16, temperature=0.8, top_p=0.9, seed=5)
    samplings = (Sampling(max_tokens=30), draw, replace(draw, top_p=1.0, max_tokens=9))
    requests = [Request(p, s) for p, s in zip(asked, samplings, strict=True)]
    assert_same(generate(fast, requests), generate(plain, requests))
    if fast.caps.speculates == "draft" or fast.caps.name == "torch":
        assert counts_of(fast).apart >= 2


def test_constrained_requests_get_the_plain_answers(pair: tuple[Engine, Engine], prompts: Prompts) -> None:
    fast, plain = pair
    if "json_schema" not in plain.caps.constrains:
        pytest.skip("this engine constrains nothing here")
    constraint = Constraint(Form("json_schema", '{"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3}'))
    requests = [Request(p, Sampling(max_tokens=20, stop_ids=(2,)), constraint) for p in repeating(prompts, 6, 9)]
    assert_same(generate(fast, requests), generate(plain, requests))


def test_scores_are_the_plain_engines(pair: tuple[Engine, Engine], prompts: Prompts) -> None:
    fast, plain = pair
    prompt, completion = prompts(20, 8, seed=6)
    assert fast.score(prompt, completion) == pytest.approx(plain.score(prompt, completion), abs=1e-4)


def test_cancelling_one_leaves_the_others_their_plain_answers(pair: tuple[Engine, Engine], prompts: Prompts) -> None:
    fast, plain = pair
    first, other = repeating(prompts, 9, 6, seed=7)
    some, over = threading.Event(), threading.Event()

    def hear(chunk: Chunk) -> None:
        some.set()
        if chunk.finish is not None:
            over.set()

    handle = fast.submit(Request(first, Sampling(max_tokens=3000)), hear)
    assert some.wait(30)
    handle.cancel()
    request = Request(other, Sampling(max_tokens=20))
    assert_same(generate(fast, [request]), generate(plain, [request]))
    assert over.wait(30)


def test_the_torch_engine_refuses_a_draft_model(tiny: Path) -> None:
    with pytest.raises(Unsupported, match="draft"):
        TorchEngine(tiny, speculation=Speculation("draft"))
