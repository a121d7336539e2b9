"""A workspace being served: the gateway's arms follow the store, the controller ticks beside it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from starlette.applications import Starlette

from trimtab.loop.controller import Controller
from trimtab.loop.verified import open_verified
from trimtab.loop.workspace import Workspace
from trimtab.observe import Meter as CostMeter
from trimtab.observe import StoreSink
from trimtab.records import UserError
from trimtab.serve import Gateway, KeyedTenants, Served, create_app
from trimtab.text import scrub

_TICK_SECONDS = 0.5
_log = logging.getLogger("trimtab.live")


class Live:
    """Gateway and controller over one workspace. ``app`` is the ASGI application; ``close`` when it has ended."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.time) -> None:
        self._workspace, self._clock = workspace, clock
        self._store = workspace.store
        self._open: dict[str, Served] = {}
        self._swapping = threading.Lock()
        self._private = self._mixes = False
        self._refused: str | None = None
        self.controller = Controller(self._store, workspace.config.canary, workspace.config.slo, self._set_arms)
        self.tenants = KeyedTenants(self._store.tenants, self._store.spending, clock)
        self.gateway = Gateway(
            StoreSink(self._store, scrub, workspace.config.serving.capture, clock=clock),
            config=workspace.config.gateway,
            share=self.controller.share,
            find_trace=self._store.traces.get,
            tenants=self.tenants,
            meter=CostMeter(workspace.config.serving.dollars_per_hour, time.perf_counter),
            clock=clock,
        )
        self.app: Starlette = create_app(self.gateway, tasks={"controller": self._steer, "tenants": self.tenants.run})
        self._private = len(self.tenants.names) > 1
        self._load()

    def _load(self) -> None:
        """Open what the store says is stable, and a running canary beside it. Raises UserError."""
        stable = self._store.aliases.get("stable")
        if stable is None:
            raise UserError("nothing is released yet", fix="Run `trimtab run` first")
        state = self.controller.state
        running = state is not None and state.verdict == "running"
        self._set_arms(stable, None)
        if state is not None and running:
            try:
                self._set_arms(stable, state.release)
            except UserError as error:
                self.controller.withdraw(str(error))

    def _set_arms(self, stable: str, canary: str | None) -> None:
        """Serve these two from now on; an arm that is still open keeps its engine."""
        with self._swapping:
            wanted = [stable] + ([canary] if canary else [])
            self._open = self._opened(wanted)
            self.gateway.set_arms(self._open[stable], self._open[canary] if canary else None)

    def _opened(self, wanted: list[str]) -> dict[str, Served]:
        """Each of these loaded, or none of those that were not: what is served now goes on then."""
        fresh: dict[str, Served] = {}
        try:
            for digest in wanted:
                if digest not in self._open and digest not in fresh:
                    fresh[digest] = self._served(digest)
        except BaseException:
            for served in fresh.values():
                served.close()
            raise
        return {digest: self._open.get(digest) or fresh[digest] for digest in wanted}

    def _served(self, digest: str) -> Served:
        arm = open_verified(self._store, digest, self._workspace.config.serving, self._store, private=self._private)
        caps = arm.engine.caps
        self._mixes |= not caps.scoped_cache
        return Served(digest, arm.assistant, arm.close, arm.chat.complete, caps.context, caps.kv_tokens)

    async def _steer(self) -> None:
        """Tick for ever; a tick that fails is logged and tried again, for a stuck canary must still roll back."""
        while True:
            try:
                await asyncio.to_thread(self.tick)
            except Exception:  # the named boundary: one failing tick must not end the watch
                _log.exception("the canary controller failed; it tries again")
            await asyncio.sleep(_TICK_SECONDS)

    def tick(self) -> None:
        """One look at what has settled, and a look at whether somebody moved ``stable``."""
        self.controller.tick(self._clock())
        self._part_tenants()
        stable = self._store.aliases.get("stable")
        if stable is not None and stable not in self._open and stable != self._refused:
            try:
                self._set_arms(stable, None)
            except UserError as error:  # said once: what was served before goes on
                self._refused = stable
                _log.error("%s", error)

    def _part_tenants(self) -> None:
        """Where a second tenant has got a key, open engines again that would mix their prefixes."""
        if self._private or len(self.tenants.names) < 2:
            return
        self._private = True
        stable, canary = self.gateway.arms.get("stable"), self.gateway.arms.get("canary")
        if self._mixes and stable is not None:
            self._open = {}
            self._set_arms(stable.release, None if canary is None else canary.release)
