"""A server that is not there, not now or not that one: what is tried again, and what the user is told to mend."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.peer import Handler, Peer, serving, text_event
from tests.engine.test_remote import FINE, Naps, prompt, remote, status

from trimtab.engine import Chat, Request, Sampling, generate, open_engine
from trimtab.engine.remote_link import TRIES, Endpoint, pause_before
from trimtab.model import Dialect
from trimtab.records import Message, UserError

__all__ = ["prompt"]


def test_what_is_over_for_a_moment_is_tried_again_before_the_first_token(tiny: Path, prompt: tuple[int, ...]) -> None:
    for first in (status(500), status(503), lambda handler: handler.reset()):
        peer, naps = Peer([first, FINE]), Naps()
        with remote(peer, tiny, naps=naps) as engine:
            assert generate(engine, [Request(prompt)])[0].finish == "stop"
        assert (len(peer.seen), naps.taken) == (2, [0.5])


def test_a_server_that_asks_for_time_gets_it_and_one_that_never_comes_back_is_given_up(
    tiny: Path, prompt: tuple[int, ...]
) -> None:
    peer, naps = Peer([status(429, retry_after="7"), FINE]), Naps()
    with remote(peer, tiny, naps=naps) as engine:
        assert generate(engine, [Request(prompt)])[0].finish == "stop"
        assert naps.taken == [7.0]
        peer.answers = [status(502, "bad gateway")]
        assert "bad gateway (3 tries)" in generate(engine, [Request(prompt)])[0].error
        peer.answers = [status(429, "come back tomorrow", retry_after="86400")]
        assert "come back tomorrow" in generate(engine, [Request(prompt)])[0].error
    assert naps.taken == [7.0, 0.5, 1.0]


@given(st.integers(1, 9), st.integers(0, 10**12), st.booleans())
def test_a_pause_is_bounded_and_never_shorter_than_asked(failure: int, asked: int, as_date: bool) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    asked = min(asked, 10**6) if as_date else asked
    after = format_datetime(now + timedelta(seconds=asked), usegmt=True) if as_date else str(asked)
    pause = pause_before(failure, after, now)
    if failure >= TRIES or asked > 20:
        assert pause is None
    else:
        assert pause == max(asked, 0.5 * 2 ** (failure - 1))


@pytest.mark.parametrize("after", ["", "soon", "-3", "1e9", "٣", "Mon, 99 Foo"])
def test_a_retry_after_that_says_nothing_asks_for_nothing(after: str) -> None:
    assert pause_before(1, after, datetime.now(UTC)) == 0.5


def opened(peer: Peer, folder: Path, name: str = "openai", **fields: Any) -> str:
    with serving(peer), pytest.raises(UserError) as caught:
        open_engine(name, folder, endpoint=Endpoint(peer.url, **{"model": "m"} | fields), sleep=Naps())
    return str(caught.value)


def test_a_server_that_cannot_be_used_is_the_users_to_mend(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    assert "no model 'x'; it lists m" in opened(Peer([FINE]), tiny, model="x")
    assert "lists no models" in opened(Peer([FINE], {"/v1/models": {"hello": 1}}), tiny)
    assert "no JSON" in opened(Peer([FINE], {"/v1/models": lambda handler: handler.whole(200, b"<html>")}), tiny)
    assert "key_env" in opened(Peer([FINE]), tiny, key_env="NO_SUCH_KEY")
    monkeypatch.setenv("A_KEY", "sk-very-secret")
    told = opened(Peer([FINE], {"/v1/models": status(401, "wrong key sk-very-secret")}), tiny, key_env="A_KEY")
    assert "the key in A_KEY" in told
    assert "very-secret" not in told
    with pytest.raises(UserError, match="does not answer"):
        open_engine("openai", tiny, endpoint=Endpoint("http://127.0.0.1:9/v1", "m"), sleep=Naps())
    assert "remote-engine" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_a_server_without_a_list_of_models_is_taken_at_its_word_and_the_key_goes_with_every_request(
    tiny: Path, prompt: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-1")
    with serving(Peer([FINE], {})) as peer:
        engine = open_engine("openai", tiny, endpoint=Endpoint(peer.url, "m", "A_KEY"))
        assert generate(engine, [Request(prompt)])[0].finish == "stop"
        engine.close()
    assert [headers.get("authorization") or headers.get("Authorization") for headers in peer.headers] == [
        "Bearer sk-1"
    ] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "127.0.0.1:8000"},
        {"url": "ftp://x/v1"},
        {"url": "http://"},
        {"url": "http://me:secret@x/v1"},
        {"url": "http://x/v1?key=1"},
        {"model": ""},
        {"timeout_seconds": 0},
    ],
)
def test_an_endpoint_that_is_none_says_which_field(fields: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"serving\.endpoint\.{next(iter(fields))}"):
        Endpoint(**{"url": "http://x/v1", "model": "m"} | fields)


def test_a_long_answer_is_no_stall_and_a_server_that_keeps_a_whole_one_open_is_left(
    tiny: Path, prompt: tuple[int, ...]
) -> None:
    def slowly(handler: Handler) -> None:
        handler.begin()
        for _ in range(6):
            time.sleep(0.15)
            handler.say(text_event("so "))
        handler.say(text_event("", "stop"))
        handler.wait_for_goodbye()

    peer = Peer([slowly])
    with remote(peer, tiny, seconds=0.6) as engine:
        assert generate(engine, [Request(prompt)])[0].finish == "stop"
        assert peer.gone.wait(10)


def test_a_conversation_too_long_for_the_model_is_its_users_mistake_though_the_server_lists_no_length(
    tiny: Path, dialect: Dialect
) -> None:
    peer = Peer([status(400, "maximum context length")])
    with remote(peer, tiny) as engine, pytest.raises(UserError, match="context of 4096 tokens"):
        asyncio.run(Chat(engine, dialect).reply([Message("user", "word " * 5000)], (), Sampling(4)))
    assert peer.seen == []
    with remote(Peer([FINE], {"/v1/models": {"data": [{"id": "m", "max_model_len": 64}]}}), tiny) as engine:
        assert engine.caps.context == 64
