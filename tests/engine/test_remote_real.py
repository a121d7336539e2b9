"""A real vLLM, where TRIMTAB_VLLM_URL names one: it says and scores what torch does, and keeps scopes apart."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.engine.test_remote_vllm import SCHEMA

from trimtab.engine import Chunk, Form, Request, Sampling, TorchEngine, generate
from trimtab.engine.constraint import CallForm, Constraint
from trimtab.engine.remote_link import Endpoint
from trimtab.engine.remote_servers import VllmEngine
from trimtab.model import Dialect, default_cache
from trimtab.model.resolve import DEFAULT_MODEL, cached
from trimtab.records import Message


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[VllmEngine, Path]]:
    """The server at TRIMTAB_VLLM_URL, which serves the default model as TRIMTAB_VLLM_MODEL."""
    url, model = os.environ.get("TRIMTAB_VLLM_URL"), os.environ.get("TRIMTAB_VLLM_MODEL")
    if not (url and model):
        pytest.skip("no vLLM server: TRIMTAB_VLLM_URL and TRIMTAB_VLLM_MODEL are not set")
    if (folder := cached(DEFAULT_MODEL, default_cache())) is None:
        pytest.skip("the default model is not in the cache")
    engine = VllmEngine(
        folder, endpoint=Endpoint(url, model, "TRIMTAB_VLLM_KEY" if "TRIMTAB_VLLM_KEY" in os.environ else "")
    )
    yield engine, folder
    engine.close()


QUESTIONS = ("What is the capital of France?", "Name three colours.", "Say good morning.", "Why is the sky blue?")


def test_a_real_vllm_says_and_scores_what_torch_does(real: tuple[VllmEngine, Path]) -> None:
    engine, folder = real
    dialect, local = Dialect.of(folder), TorchEngine(folder, dtype="bf16")
    try:
        prompts = [tuple(dialect.encode([Message("user", text)], reply=True)) for text in QUESTIONS]
        requests = [Request(prompt, Sampling(16, stop_ids=dialect.stop_ids)) for prompt in prompts]
        theirs, ours = generate(engine, requests), generate(local, requests)
        gaps = []
        for prompt, there, here in zip(prompts, theirs, ours, strict=True):
            assert there.finish in ("stop", "length"), there.error
            exact = local.score(prompt, there.token_ids)
            gaps += [abs(a - b) for a, b in zip(there.logprobs, exact, strict=True)]
            gaps += [abs(a - b) for a, b in zip(engine.score(prompt, there.token_ids), exact, strict=True)]
            pairs = list(zip(there.token_ids, here.token_ids, strict=False))
            if (first := next((i for i, (a, b) in enumerate(pairs) if a != b), None)) is not None:
                prefix = (*prompt, *here.token_ids[:first])
                tie = local.score(prefix, (pairs[first][0],))[0] - local.score(prefix, (pairs[first][1],))[0]
                assert abs(tie) < 0.15, (first, pairs[first])
        print(f"mean |Δ| {sum(gaps) / len(gaps):.4f}, largest {max(gaps):.4f} nats over {len(gaps)} tokens")
        assert sum(gaps) / len(gaps) < 0.05
    finally:
        local.close()


def test_a_real_vllm_holds_a_form_keeps_scopes_and_lets_go(real: tuple[VllmEngine, Path]) -> None:
    engine, folder = real
    dialect, over, chunks = Dialect.of(folder), threading.Event(), list[Chunk]()
    prompt = tuple(dialect.encode([Message("user", "Give me n.")], reply=True))
    stop = Sampling(40, stop_ids=dialect.stop_ids)
    (held,) = generate(engine, [Request(prompt, stop, Constraint(Form("json_schema", SCHEMA)), cache_scope="acme")])
    assert held.finish == "stop", held.error
    assert json.loads(dialect.decode(held.token_ids[:-1]))["n"] in (1, 2)
    call = CallForm('<tool_call>\n{"name": "t", "arguments": ', SCHEMA, "}\n</tool_call>")
    wide = Sampling(80, stop_ids=dialect.stop_ids)
    (called,) = generate(engine, [Request(prompt, wide, Constraint(calls=(call,)))])
    assert dialect.parse(dialect.decode(called.token_ids)).tool_calls[0].arguments["n"] in (1, 2)

    def take(chunk: Chunk) -> None:
        chunks.append(chunk)
        if chunk.finish is None:
            handle.cancel()
        else:
            over.set()

    handle = engine.submit(Request(prompt, Sampling(1500)), take)
    assert over.wait(60)
    assert chunks[-1].finish == "cancelled"
    for _ in range(100):
        if metric(engine, "vllm:num_requests_running") == 0:
            return
        time.sleep(0.2)
    raise AssertionError("the server still runs what was cancelled")


def test_a_real_vllm_shares_prefixes_within_a_scope_and_not_beyond(real: tuple[VllmEngine, Path]) -> None:
    engine, folder = real
    prompt = tuple(Dialect.of(folder).ids("".join(f"Line {number} of a long story. " for number in range(60))))

    def hits(scope: str) -> float:
        before = metric(engine, "vllm:prefix_cache_hits_total")
        assert generate(engine, [Request(prompt, Sampling(1), cache_scope=scope)])[0].finish == "length"
        return metric(engine, "vllm:prefix_cache_hits_total") - before

    assert [hits(scope) > 0 for scope in ("acme", "acme", "bee", "")] == [False, True, False, False]


def metric(engine: VllmEngine, name: str) -> float:
    """One of the server's own counts."""
    lines = httpx.get(engine.endpoint.url.removesuffix("/v1") + "/metrics", trust_env=False).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0] == name)
