"""vLLM is asked in its own words, and what it answers is taken as it means it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engine.peer import DONE, Answer, Handler, Peer, event, serving

from trimtab.engine import Caps, Form, Request, Sampling, TorchEngine, Unsupported, generate, open_engine
from trimtab.engine.constraint import CallForm, Constraint
from trimtab.engine.ebnf import ebnf_of
from trimtab.engine.proof import check_record, check_trained, prove
from trimtab.engine.remote_link import Endpoint
from trimtab.engine.remote_servers import VllmEngine
from trimtab.model import Dialect
from trimtab.records import UserError

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
