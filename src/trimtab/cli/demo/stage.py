"""The stage: the workspace's gateway on a free loopback port, in a thread, for as long as the play needs it."""

from contextlib import ExitStack
from types import TracebackType

from trimtab.loop.live import Live
from trimtab.loop.workspace import Workspace
from trimtab.serve import beside, bind, url_of


class Stage:
    """``with Stage(workspace) as stage``: ``stage.url`` answers, ``stage.live`` is what is behind it."""

    def __init__(self, workspace: Workspace) -> None:
        self._listener = bind(workspace.config.gateway.host, workspace.config.gateway.port)
        self.live = Live(workspace)
        self.url = url_of(self._listener)
        self.model = workspace.config.gateway.name
        self._stack = ExitStack()

    def __enter__(self) -> "Stage":
        self._stack.enter_context(beside(self.live.app, self._listener))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
