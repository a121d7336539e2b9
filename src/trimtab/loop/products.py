"""Several workspaces on one port: each served as it would be alone; one that cannot load does not hinder the rest."""

import logging
import time
from collections.abc import Callable, Sequence

from trimtab.loop.live import Live
from trimtab.loop.workspace import Workspace
from trimtab.records import UserError
from trimtab.serve.products import Product, Router

_log = logging.getLogger("trimtab.live")


class Beside(Live):
    """A workspace beside others: what cannot be loaded is logged and tried again later, and the others serve.

    Until then its gateway refuses (503), its keys are its own and its controller takes commands: a rollback mends it.
    """

    def _load(self) -> None:
        try:
            super()._load()
        except UserError as error:
            _log.error("product %s is not served whole: %s", self.gateway.config.name, error)


class Products:
    """Workspaces behind one router; ``app`` is the ASGI application, ``router`` drains them all.

    Raises UserError where two have one name, or none can be loaded. Nothing is shared between them, equal weights
    neither: each has its own engine.
    """

    def __init__(self, workspaces: Sequence[Workspace], clock: Callable[[], float] = time.time) -> None:
        check_names(workspaces)
        self.lives = {workspace.config.gateway.name: Beside(workspace, clock) for workspace in workspaces}
        broken = [name for name, live in self.lives.items() if live.gateway.arms.get("stable") is None]
        if len(broken) == len(self.lives):
            raise UserError("no product can be served", fix="Run `trimtab run` in one first, or see why above")
        self.app = self.router = Router([Product(live.gateway, live.app) for live in self.lives.values()])


def check_names(workspaces: Sequence[Workspace]) -> None:
    """Raises UserError where a request could not tell two products apart."""
    roots: dict[str, Workspace] = {}
    for workspace in workspaces:
        name = workspace.config.gateway.name
        if (first := roots.setdefault(name, workspace)) is not workspace:
            raise UserError(
                f"two products are called {name!r}: {first.root} and {workspace.root}",
                field="gateway.name",
                expected="a name of its own for each workspace",
                fix="Set gateway.name in trimtab.yaml: requests choose the product by it",
            )
