"""vLLM is asked in its own words, and what it answers is taken as it means it; a real one where TRIMTAB_VLLM_URL is."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.engine.peer import DONE, Answer, Handler, Peer, event, serving

from trimtab.engine import Caps, Chunk, Form, Request, Sampling, TorchEngine, Unsupported, generate, open_engine
from trimtab.engine.constraint import CallForm, Constraint
from trimtab.engine.ebnf import ebnf_of
from trimtab.engine.proof import check_record, check_trained, prove
from trimtab.engine.remote_link import Endpoint
from trimtab.engine.remote_servers import VllmEngine
from trimtab.model import Dialect, default_cache
from trimtab.model.resolve import DEFAULT_MODEL, cached
from trimtab.records import Message, UserError

SCHEMA = '{"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": false}'
CARDS: list[dict[str, Any]] = [
    {"id": "m", "object": "model", "owned_by": "vllm", "root": "org/m", "parent": None, "max_model_len": 64},
    {"id": "kind", "object": "model", "owned_by": "vllm", "root": "adapters/kind", "parent": "m"},
    {"id": "other", "object": "model", "owned_by": "vllm", "root": "org/other", "parent": None},
]


def pages(version: Any = "0.32.0", cards: Any = CARDS) -> dict[str, Any]:
    return {"/v1/models": {"object": "list", "data": cards}, "/version": {"version": version}}


def said(ids: list[int], rows_of: list[Any], finish: str | None = None, **more: Any) -> bytes:
    """One event as vLLM writes it: the text is there, and is not what counts."""
    names = [f"piece {number}" for number in ids]
    top = [dict([pair]) for pair in zip(names, rows_of, strict=False)]
    rows = {"text_offset": [0] * len(ids), "token_logprobs": rows_of, "tokens": names, "top_logprobs": top}
    choice = {"index": 0, "text": "…", "logprobs": rows, "finish_reason": finish, "stop_reason": None, "token_ids": ids}
    return event({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice | more]})


def stream(*parts: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin()
        handler.say(*parts)

    return answer


FINE = stream(said([7], [-0.5], prompt_token_ids=[5, 6]), said([8, 2], [-1, -0.25], "stop"), DONE)


@contextmanager
def vllm(peer: Peer, folder: Path, **options: Any) -> Iterator[VllmEngine]:
    with serving(peer):
        engine = open_engine("vllm", folder, endpoint=Endpoint(peer.url, "m", "", 10.0), **options)
        assert isinstance(engine, VllmEngine)
        try:
            yield engine
        finally:
            engine.close()


def test_what_the_server_is_and_has_stands_in_the_caps(tiny: Path) -> None:
    with vllm(Peer([FINE], pages()), tiny, precision="bf16") as engine:
        assert engine.weights == "vllm:m@org/m"
        assert engine.caps == Caps(
            "vllm",
            continuous=True,
            context=64,
            scoped_cache=True,
            constrains=frozenset(("json_schema", "regex", "lark", "citations", "calls")),
            adapters=frozenset(("kind",)),
            precision="bf16",
        )


def test_ids_go_out_and_come_back_with_their_log_probs_and_no_default_of_the_servers_counts(tiny: Path) -> None:
    peer = Peer([FINE], pages())
    with vllm(peer, tiny) as engine:
        (found,) = generate(engine, [Request((5, 6), Sampling(9, 0.7, 0.9, seed=11, stop_ids=(2, 3)))])
    assert (found.token_ids, found.logprobs, found.finish) == ((7, 8, 2), (-0.5, -1.0, -0.25), "stop")
    assert peer.seen == [
        {
            "model": "m",
            "prompt": [5, 6],
            "stream": True,
            "max_tokens": 9,
            "temperature": 0.7,
            "top_p": 0.9,
            "seed": 11,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "ignore_eos": True,
            "stop_token_ids": [2, 3],
            "logprobs": 0,
            "return_token_ids": True,
        }
    ]


def test_forms_and_adapters_are_vllms_own_and_the_rest_is_refused(tiny: Path) -> None:
    schema, call = Constraint(Form("json_schema", SCHEMA)), CallForm("<tool_call>", SCHEMA, "</tool_call>")
    forms = {
        schema: {"grammar": ebnf_of(schema)},
        Constraint(calls=(call,)): {"grammar": ebnf_of(Constraint(calls=(call,)))},
        Constraint(Form("regex", "a+b")): {"regex": "a+b"},
        Constraint(Form("lark", 'start: "a"')): {"grammar": 'start: "a"'},
    }
    peer, stop = Peer([FINE], pages()), Sampling(stop_ids=(2,))
    with vllm(peer, tiny) as engine:
        for constraint, asked in forms.items():
            generate(engine, [Request((5,), stop, constraint)])
            assert peer.seen[-1]["structured_outputs"] == asked
        generate(engine, [Request((5,), stop, adapter="kind")])
        assert peer.seen[-1]["model"] == "kind"
        count = len(peer.seen)
        for request in (
            Request((5,), stop, adapter="other"),
            Request((5,), stop, Constraint(Form("regex", "a"), (call,))),
            Request((5,), Sampling(), Constraint(Form("regex", "a"))),
        ):
            with pytest.raises(Unsupported):
                engine.submit(request, print)
        with pytest.raises(UserError):
            engine.submit(Request((5,), stop, Constraint(Form("json_schema", '{"type": "no"}'))), print)
        assert len(peer.seen) == count


def test_scopes_have_salts_that_tell_nothing_and_that_no_other_engine_has(tiny: Path) -> None:
    peer = Peer([FINE], pages())
    for _ in range(2):
        with vllm(peer, tiny) as engine:
            for scope in ("acme", "acme", "bee", ""):
                generate(engine, [Request((5,), cache_scope=scope)])
    salts = [body.get("cache_salt") for body in peer.seen]
    assert salts[0] == salts[1]
    assert len(set(salts)) == 5  # two scopes on each of two engines, and none
    assert (salts[3], salts[7]) == (None, None)
    assert all(len(salt) >= 43 and "acme" not in salt for salt in salts if salt)


def test_a_prompt_that_leaves_no_room_never_leaves(tiny: Path) -> None:
    peer = Peer([FINE], pages())
    with vllm(peer, tiny) as engine:
        long, none, unknown = generate(engine, [Request((5,) * 64), Request(()), Request((10**6,))])
        assert generate(engine, [Request((5,) * 60, Sampling(max_tokens=50))])[0].finish == "stop"
    assert "leaves no room" in long.error
    assert "empty" in none.error
    assert "vocabulary" in unknown.error
    assert [body["max_tokens"] for body in peer.seen] == [4]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (stream(said([7], [-1.0], token_ids=None)), "no token ids"),
        (stream(said([7, 8], [-1.0])), "no log-prob for each of its 2"),
        (stream(said([7], [None])), "no log-prob for each"),
        (stream(said([7], [-1.0], logprobs=None)), "no log-prob for each"),
        (stream(said([7], [-1.0], token_ids=["7"])), "no token ids"),
        (stream(said([7], [-1.0], "abort")), "finish_reason 'abort'"),
    ],
)
def test_an_answer_without_ids_or_log_probs_is_none(tiny: Path, answer: Answer, words: str) -> None:
    with vllm(Peer([answer], pages()), tiny) as engine:
        (found,) = generate(engine, [Request((5,))])
    assert (found.finish, found.token_ids) == ("error", ())
    assert words in found.error


def scores(engine: TorchEngine, off: float = 0.0) -> Answer:
    """vLLM's answer about a prompt: the first position has none, each other its token's by its id."""

    def answer(handler: Handler) -> None:
        ids = handler.asked["prompt"]
        logprobs = engine.score(ids[:1], ids[1:])
        rows = [
            {str(i): {"logprob": p + off, "rank": 1, "decoded_token": "x"}}
            for i, p in zip(ids[1:], logprobs, strict=True)
        ]
        handler.whole(200, {"choices": [{"index": 0, "text": "x", "prompt_logprobs": [None, *rows]}]})

    return answer


def test_scores_are_the_prompts_own_and_leave_no_prefix_to_anybody(tiny: Path, torch_engine: TorchEngine) -> None:
    peer = Peer([scores(torch_engine)], pages())
    with vllm(peer, tiny) as engine:
        assert engine.score((5, 6), (7, 8)) == pytest.approx(torch_engine.score((5, 6), (7, 8)), abs=1e-5)
        assert engine.score((5, 6), ()) == []
        with pytest.raises(UserError):
            engine.score((5,), (6,) * 63)  # the server must generate one token more
        peer.answers = [lambda handler: handler.whole(200, {"choices": [{"prompt_logprobs": None}]})]
        with pytest.raises(UserError, match="no log-probs of the prompt"):
            engine.score((5,), (6,))
    asked, salt = dict(peer.seen[0]), peer.seen[0]["cache_salt"]
    assert len(salt) >= 43
    assert asked == {
        "model": "m",
        "prompt": [5, 6, 7, 8],
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
        "cache_salt": salt,
    }


def test_the_log_probs_say_whether_a_server_has_the_release(
    tiny: Path, dialect: Dialect, torch_engine: TorchEngine
) -> None:
    recorded = prove(torch_engine, dialect) | {"precision": "f32"}
    cards = [CARDS[0] | {"max_model_len": 4096}]
    for off, passes in ((0.0, True), (0.3, False)):
        with vllm(Peer([scores(torch_engine, off)], pages(cards=cards)), tiny, precision="f32") as engine:
            now = prove(engine, dialect)
            assert now["setting"]["server"] == engine.server
            assert check_trained(recorded, now).passed is passes
            assert all(finding.passed for finding in check_record(recorded, now)) is passes
            again = {**now, "sequences": recorded["sequences"], "weights": "vllm:m@elsewhere"}
            found = {finding.check: finding.passed for finding in check_record(again, now)}
            assert (found["weights"], found["log-probs"]) == (False, passes)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pages("0.10.2"), "vLLM 0.10.2; 0.11 or newer"),
        (pages({"version": 3}), "0.11 or newer"),
        ({"/v1/models": {"data": CARDS}}, "serving.engine: openai"),
        (pages(cards=CARDS[2:]), "no model 'm'; it lists other"),
    ],
)
def test_a_server_that_would_not_understand_is_refused(tiny: Path, found: dict[str, Any], words: str) -> None:
    before = set(threading.enumerate())
    with serving(Peer([FINE], found)) as peer, pytest.raises(UserError, match=words):
        open_engine("vllm", tiny, endpoint=Endpoint(peer.url, "m"))
    assert "remote-engine" not in {thread.name for thread in set(threading.enumerate()) - before}


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
