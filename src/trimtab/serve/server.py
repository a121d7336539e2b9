"""An application on a port: what is wrong with host or port is said before anything is loaded."""

import errno
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from trimtab.records import UserError

_GRACE_SECONDS = 30


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
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get half a minute to end.

    ``listener``: a socket from ``bind``, for those who load a model between binding and serving. ``on_ready`` is told
    the URL. Raises UserError when the port is taken or the host is not this machine's.
    """
    listener = listener or bind(host, port)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS, server_header=False
    )
    try:
        if on_ready is not None:
            on_ready(url_of(listener))
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()


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
