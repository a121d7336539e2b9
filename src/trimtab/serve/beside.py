"""An application served from a thread, beside what its starter goes on doing."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from trimtab.serve.server import url_of

_START_SECONDS = 120.0


@contextmanager
def beside(app: ASGIApp, listener: socket.socket) -> Iterator[str]:
    """Serve ``app`` on ``listener`` (which is then closed) for the length of the block; gives its URL.

    Raises RuntimeError where it does not start.
    """
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the gateway did not start")
            time.sleep(0.02)
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
