"""The stage: the workspace's gateway on a free loopback port, in a thread, for as long as the play needs it."""

import threading
import time
from types import TracebackType

import uvicorn

from trimtab.loop.live import Live
from trimtab.loop.workspace import Workspace
from trimtab.serve import bind, url_of

_START_SECONDS = 120.0


class Stage:
    """``with Stage(workspace) as stage``: ``stage.url`` answers, ``stage.live`` is what is behind it."""

    def __init__(self, workspace: Workspace) -> None:
        self._listener = bind(workspace.config.gateway.host, workspace.config.gateway.port)
        self.live = Live(workspace)
        self.url = url_of(self._listener)
        self.model = workspace.config.gateway.name
        self._server = uvicorn.Server(uvicorn.Config(self.live.app, log_level="warning", access_log=False))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    def __enter__(self) -> "Stage":
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the gateway did not start")
            time.sleep(0.02)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
