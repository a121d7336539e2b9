"""A server on loopback that answers as a test tells it: in words of the protocol, or against it."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request; ``peer`` is the server that it belongs to."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    server: "_Server"
    asked: Any = None
    """The body of this request."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        peer = self.server.peer
        peer.headers.append(dict(self.headers))
        found = peer.pages.get(self.path)
        if callable(found):
            found(self)
        else:
            self.whole(404 if found is None else 200, found or {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        peer = self.server.peer
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with peer.lock:
            number = len(peer.seen)
            peer.seen.append(body)
            peer.headers.append(dict(self.headers))
        self.asked = body
        peer.answers[min(number, len(peer.answers) - 1)](self)

    def whole(self, status: int, value: Any, **headers: str) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, said in {"content-type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), said)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str = "text/event-stream") -> None:
        """The head of a stream that ends with the connection."""
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()

    def reset(self) -> None:
        """Break the connection off, as a process that is killed does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def wait_for_goodbye(self) -> None:
        """Until the client closes the connection; ``peer.gone`` says so."""
        try:
            left = self.connection.recv(1)
        except OSError:
            left = b""
        if not left:
            self.server.peer.gone.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    peer: "Peer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Peer:
    """``answers``: what each POST gets, the last one for ever. ``pages``: what a GET gets."""

    def __init__(self, answers: Sequence[Answer], pages: dict[str, Any] | None = None) -> None:
        self.answers, self.lock, self.gone = list(answers), threading.Lock(), threading.Event()
        self.pages = {"/v1/models": {"object": "list", "data": [{"id": "m"}]}} if pages is None else pages
        self.seen: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    server = _Server(("127.0.0.1", 0), Handler)
    server.peer = peer
    peer.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def text_event(text: str, finish: str | None = None) -> bytes:
    return event({"object": "text_completion", "choices": [{"index": 0, "text": text, "finish_reason": finish}]})


DONE = b"data: [DONE]\n\n"
