"""The port: what is wrong is a person's matter, said before anything is loaded."""

import gc
import os
import signal

import pytest
from starlette.types import Receive, Scope, Send

from trimtab.records import UserError
from trimtab.serve import bind, run_server, url_of


async def _app(scope: object, receive: object, send: object) -> None:
    raise AssertionError("never reached")


def test_a_port_in_use_is_said() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert url_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(UserError, match=f"port {port} is in use"):
            run_server(_app, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a" * 300, "bad host"])
def test_a_host_that_is_not_here_is_said(host: str) -> None:
    with pytest.raises(UserError) as caught:
        bind(host, 0)
    assert caught.value.field == "serving.host"


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(UserError):
        bind("127.0.0.1", 70_000)


def test_what_was_loaded_before_is_frozen_while_it_serves_and_no_longer() -> None:
    frozen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        frozen.append(gc.get_freeze_count())
        await send({"type": "lifespan.startup.complete"})
        os.kill(os.getpid(), signal.SIGTERM)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    before, handler = gc.get_freeze_count(), signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        run_server(app, port=0)
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert frozen[0] > before == gc.get_freeze_count()
