"""Clients that mean harm or know no better: each gets the right 4xx, and nobody else notices."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from tests.serve.conftest import Memory, make_served
from tests.serve.sites import Told
from tests.serve.test_client import Site

from trimtab.serve import Gateway, ServeConfig, bind, create_app, url_of
from trimtab.serve.server import config_of
from trimtab.serve.wary import Guard

_HI = {"model": "trimtab", "messages": [{"role": "user", "content": "hi"}]}
_BODY = json.dumps(_HI).encode()
_LIMIT = 4096


class Wild(Site):
    """A server as ``trimtab serve`` runs it, with short limits; ``talk`` is a raw connection."""

    def __init__(self, guard: Guard, **config: Any) -> None:
        self.guard, self.model, self.sink = guard, Told(), Memory()
        self.gateway = Gateway(self.sink, config=ServeConfig(**config))
        self.gateway.set_arms(make_served("a" * 64, self.model))
        listener = bind("127.0.0.1", 0)
        self.url, self.address = url_of(listener), listener.getsockname()
        self._server = uvicorn.Server(config_of(create_app(self.gateway), guard))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=10)

    @contextlib.contextmanager
    def talk(self, *parts: bytes) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=10) as connection:
            for part in parts:
                connection.sendall(part)
            yield connection

    def is_well(self) -> None:
        """Somebody else's request is answered."""
        answer = self.http.post("/v1/chat/completions", json=_HI)
        assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "Hello from here.")

    def is_clean(self) -> None:
        """All places, leases and connections are given back."""
        self.http.close()
        self.http = httpx.Client(base_url=self.url, timeout=10)
        self.until(lambda: self._counts() == (0, 0, 0, 0, 0))
        ready = self.http.get("/ready").json()
        assert (ready["in_flight"], ready["admission"]["in_flight"], ready["admission"]["queued"]) == (0, 0, 0)
        self.until(lambda: self.guard.open <= 1)
        assert len(self.guard.waiting) <= 1

    def _counts(self) -> tuple[int, ...]:
        now = self.gateway.admission.snapshot()
        leases = sum(self.gateway.arms._leases.values())
        return self.gateway.in_flight, now.in_flight, now.queued, now.kv_tokens_held, leases + self.model.running

    def stop(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def wild() -> Iterator[Wild]:
    guard = Guard(head_seconds=0.3, most=50)
    limits = {"min_in_flight": 1, "queue_seconds": 5.0}
    site = Wild(guard, body_bytes=_LIMIT, body_seconds=0.3, max_in_flight=2, admission=limits)
    yield site
    site.is_well()
    site.is_clean()
    site.stop()


def _head(length: int | None = len(_BODY), *more: str, path: str = "/v1/chat/completions") -> bytes:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return "\r\n".join([f"POST {path} HTTP/1.1", "host: here", framing, *more, "", ""]).encode()


def _answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Status and body of what a raw connection gets back."""
    with contextlib.closing(http.client.HTTPResponse(connection)) as response:
        response.begin()
        return response.status, json.loads(response.read())


def _is_error(connection: socket.socket, status: int, code: str | None) -> None:
    got, body = _answer(connection)
    assert (got, set(body["error"])) == (status, {"message", "type", "param", "code"})
    assert body["error"]["code"] == code


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat/compl", b"GET /health HTTP/1.1\r\nhost: here\r\nx-a: "])
def test_a_head_that_does_not_come_is_a_408(wild: Wild, sent: bytes) -> None:
    with wild.talk(sent) as slow:
        wild.is_well()
        _is_error(slow, 408, "timeout")
        assert slow.recv(1) == b"", "and the connection is closed"


def test_a_byte_now_and_then_does_not_put_it_off_nor_on_a_connection_that_was_used(wild: Wild) -> None:
    with wild.talk(_head(), _BODY) as used:
        assert _answer(used)[0] == 200
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                used.sendall(b"GET /")
                while not stop.wait(0.05):
                    used.sendall(b"a")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            _is_error(used, 408, "timeout")
        finally:
            stop.set()
            thread.join()


def test_a_body_that_stalls_is_a_408(wild: Wild) -> None:
    with wild.talk(_head(), _BODY[:9]) as slow:
        wild.until(lambda: wild.gateway.in_flight == 1)
        wild.is_well()
        _is_error(slow, 408, "timeout")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/feedback", "/v1/embeddings"])
def test_a_body_beyond_the_limit_is_a_413_declared_or_chunked(wild: Wild, path: str) -> None:
    with wild.talk(_head(_LIMIT + 1, path=path)) as declared:
        _is_error(declared, 413, "request_too_large")
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    with wild.talk(_head(None, path=path), *[chunk] * 5) as chunked:
        _is_error(chunked, 413, "request_too_large")
    with wild.talk(_head(10**15, path=path)) as absurd:
        _is_error(absurd, 413, "request_too_large")


def test_a_chunked_body_within_the_limit_is_read(wild: Wild) -> None:
    parts = [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (_BODY[:7], _BODY[7:])]
    with wild.talk(_head(None), *parts, b"0\r\n\r\n") as chunked:
        assert _answer(chunked)[0] == 200


_BAD: list[tuple[bytes, str | None]] = [
    (b"{", "invalid_json"),
    (b"\xff\xfe", "invalid_json"),
    (b'{"model": "trimtab", "model": "other"}', "invalid_json"),
    (b"[" * 4000, "invalid_json"),
    (b'{"a":' * 800, "invalid_json"),
    (b'{"model": "trimtab", "messages": ' + b"[" * 1900 + b"]" * 1900 + b"}", "invalid_json"),
    (b'{"model": NaN}', "invalid_json"),
    (b'{"model": "\\ud83d"}', "invalid_json"),
    (b'{"model": "trimtab", "messages": [], "seed": ' + b"9" * 3999 + b"}", "invalid_value"),
    (b'{"model": "trimtab", "messages": [], "temperature": 1e999}', "invalid_value"),
    (b'{"model": "trimtab", "messages": [{"role": "user", "content": "x"}], "x_y": 1}', None),
    (b'{"model": 3, "messages": [{"role": "user", "content": "x"}]}', "invalid_value"),
    (b'{"model": "trimtab", "messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}', "invalid_value"),
    (b'{"model": "no", "messages": [{"role": "user", "content": "x"}]}', "model_not_found"),
]


@pytest.mark.parametrize(("body", "code"), _BAD, ids=range(len(_BAD)))
def test_a_body_that_is_wrong_gets_its_own_error(wild: Wild, body: bytes, code: str | None) -> None:
    assert len(body) <= _LIMIT
    answer = wild.http.post("/v1/chat/completions", content=body)
    assert answer.status_code == (404 if code == "model_not_found" else 400)
    assert answer.json()["error"]["code"] == code


def test_what_is_no_http_is_a_400_in_shape(wild: Wild) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
        b"BREW /pot HTCPCP/1.0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-length: -4\r\n\r\n",
    ):
        with wild.talk(sent) as rude:
            _is_error(rude, 400, "invalid_http")


def test_a_flood_of_headers_is_a_431(wild: Wild) -> None:
    line = b"x-flood: " + b"a" * 1013 + b"\r\n"
    with wild.talk(b"GET /health HTTP/1.1\r\n", *[line] * 65) as flood:
        _is_error(flood, 431, "headers_too_large")


def test_pipelined_requests_are_answered_in_turn_and_nonsense_after_one_ends_it(wild: Wild) -> None:
    with wild.talk((_head() + _BODY) * 3) as pipelined:
        received = b""
        while received.count(b"Hello from here.") < 3:
            received += (part := pipelined.recv(65536))
            assert part, received
        assert received.count(b"HTTP/1.1 200") == 3
    with wild.talk(_head() + _BODY + b"nonsense\r\n\r\n") as rude:
        assert rude.recv(12) in (b"HTTP/1.1 200", b"")


def test_idle_connections_give_way_to_a_new_one(wild: Wild) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(wild.talk(b"GET")) for _ in range(3 * wild.guard.most)]
        wild.is_well()
        assert wild.guard.open <= wild.guard.most
        _is_error(idle[0], 408, "timeout")


def test_connections_that_are_all_at_work_give_way_to_nobody() -> None:
    site = Wild(Guard(most=2), max_in_flight=4)
    slow = json.dumps({**_HI, "messages": [{"role": "user", "content": "slow"}], "stream": True}).encode()
    with site.talk(_head(len(slow)), slow) as one, site.talk(_head(len(slow)), slow) as two:
        site.until(lambda: site.model.running == 2)
        with site.talk() as third:
            _is_error(third, 503, "overloaded")
        assert one.recv(12) == two.recv(12) == b"HTTP/1.1 200"
    site.until(lambda: site.guard.open == 0)
    site.is_clean()
    site.stop()


def test_clients_that_vanish_at_every_stage_leave_nothing(wild: Wild) -> None:
    slow = json.dumps({**_HI, "messages": [{"role": "user", "content": "slow"}]}).encode()
    stream = json.dumps({**json.loads(slow), "stream": True}).encode()
    with contextlib.ExitStack() as stack:
        stack.enter_context(wild.talk(_head()))  # before the body
        stack.enter_context(wild.talk(_head(), _BODY[:5]))  # within it
        running = stack.enter_context(wild.talk(_head(len(stream)), stream))
        assert running.recv(12) == b"HTTP/1.1 200"
        for body in (slow, stream, slow, stream):  # one runs, the others wait
            stack.enter_context(wild.talk(_head(len(body)), body))
        wild.until(lambda: wild.gateway.admission.snapshot().queued >= 1)
    wild.until(lambda: wild.gateway.idle)
    wild.until(lambda: wild.gateway.outbox.backlog == 0)
    assert wild.model.cancelled >= 2
    assert {trace.finish for trace in wild.sink.traces} == {"cancelled"}
