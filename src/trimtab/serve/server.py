"""An application on a port: what is wrong with host or port is said before anything is loaded."""

import errno
import gc
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from trimtab.records import UserError
from trimtab.serve.wary import HEAD_BYTES, Guard, wary

_GRACE_SECONDS = 30.0


class Drainable(Protocol):
    """What has requests to end before it stops. Both are used on the event loop."""

    @property
    def idle(self) -> bool: ...

    def drain(self, grace: float) -> None:
        """Take nobody new; what is under way or waits has ``grace`` seconds."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises UserError when host or port cannot be had."""
    if not 0 <= port <= 65535:
        raise UserError(f"no such port {port}", field="serving.port", expected="0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"no such host {host!r}", field="serving.host", expected="such as 127.0.0.1") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.set_inheritable(False)
    except OSError as error:
        listener.close()
        raise _refused(error, host, port) from error
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    listener: socket.socket | None = None,
    on_ready: Callable[[str], None] | None = None,
    drain: Drainable | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get half a minute to end.

    ``listener``: a socket from ``bind``, for those who load a model between binding and serving. ``on_ready`` is told
    the URL. ``drain``: told to drain at the first signal; until it is idle the port stays open, so that a load balancer
    learns that it should look elsewhere. A second signal closes the port at once. Raises UserError when the port is
    taken or the host is not this machine's.
    """
    listener = listener or bind(host, port)
    config = config_of(app)
    try:
        if on_ready is not None:
            on_ready(url_of(listener))
        with _frozen():
            _Server(config, drain).run(sockets=[listener])
    finally:
        listener.close()


@contextmanager
def _frozen() -> Iterator[None]:
    """What was loaded before serving is left alone by the garbage collector: it lives on, and a full collection that
    walked all of it (a model's libraries are a million objects) would stop every request meanwhile."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Server(uvicorn.Server):
    """Uvicorn's server, which drains before it closes its port."""

    def __init__(self, config: uvicorn.Config, drain: Drainable | None) -> None:
        super().__init__(config)
        self._drain, self._signal = drain, 0
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins to drain (at the next tick of the loop), the second ends at once."""
        if self._drain is None or self._signal:
            super().handle_exit(sig, frame)
        else:
            self._signal = sig

    async def on_tick(self, counter: int) -> bool:
        if self._drain is not None and self._signal and not self.should_exit:
            self._step(self._drain)
        return await super().on_tick(counter)

    def _step(self, drain: Drainable) -> None:
        now = time.monotonic()
        if self._until is None:
            self._until = now + _GRACE_SECONDS
            drain.drain(_GRACE_SECONDS)
        if drain.idle or now >= self._until:
            self.config.timeout_graceful_shutdown = max(1, int(self._until - now))
            super().handle_exit(self._signal, None)


def _refused(error: Exception, host: str, port: int) -> UserError:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return UserError(
            f"port {port} is in use", field="serving.port", fix="Choose another with --port, or end what uses it"
        )
    if code == errno.EADDRNOTAVAIL:
        return UserError(f"{host!r} is not an address of this machine", field="serving.host", expected="127.0.0.1")
    if code == errno.EACCES:
        return UserError(f"port {port} needs more rights", field="serving.port", expected="a port above 1023")
    return UserError(f"cannot listen on {host}:{port} ({error})", field="serving.port", expected="0 to 65535")


def config_of(app: ASGIApp, guard: Guard | None = None) -> uvicorn.Config:
    """How we serve: quietly, and wary of who connects."""
    return uvicorn.Config(
        app,
        http=wary(guard),
        ws="none",
        h11_max_incomplete_event_size=2 * HEAD_BYTES,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=int(_GRACE_SECONDS),
        server_header=False,
    )
