"""A workspace being served: the gateway's arms follow the store, the controller ticks beside it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette

from trimtab.loop.adapters import with_adapters
from trimtab.loop.controller import Controller
from trimtab.loop.embedding import open_embedder
from trimtab.loop.loads import Loads
from trimtab.loop.presence import Presence
from trimtab.loop.shadow import tell
from trimtab.loop.speculation import speculation_of
from trimtab.loop.verified import open_verified
from trimtab.loop.workspace import Workspace
from trimtab.observe import Meter as CostMeter
from trimtab.observe import StoreSink
from trimtab.records import UserError
from trimtab.release import get
from trimtab.serve import Gateway, KeyedTenants, Served, create_app
from trimtab.text import scrub

_TICK_SECONDS = 0.5
_log = logging.getLogger("trimtab.live")


class Live:
    """Gateway and controller over one workspace. ``app`` is the ASGI application; ``close`` when it has ended."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.time) -> None:
        self._workspace, self._clock = workspace, clock
        self._store = workspace.store
        self._presence = Presence(workspace.state)  # before the state of the canary is read: from here on it is ours
        self._open: dict[str, Served] = {}
        self._swapping = threading.Lock()
        self._loads = Loads(workspace.store, workspace.config.serving, clock)
        self._private = self._mixes = False
        self._told: UserError | None = None
        self.controller = Controller(self._store, workspace.config.canary, workspace.config.slo, self._set_arms)
        self.tenants = KeyedTenants(self._store.tenants, self._store.spending, clock)
        self.gateway = Gateway(
            StoreSink(self._store, scrub, workspace.config.serving.capture, clock=clock),
            config=workspace.config.gateway,
            share=self.controller.share,
            shadow=self.controller.shadow,
            find_trace=self._store.traces.get,
            tenants=self.tenants,
            meter=CostMeter(workspace.config.serving.dollars_per_hour, time.perf_counter),
            clock=clock,
        )
        self.app: Starlette = create_app(self.gateway, tasks={"controller": self._steer, "tenants": self.tenants.run})
        self._private = len(self.tenants.names) > 1
        self._load()

    def _load(self) -> None:
        """Open what the store says is stable, a running canary beside it, and the embedding model. Raises UserError."""
        stable = self._store.aliases.get("stable")
        if stable is None:
            raise UserError("nothing is released yet", fix="Run `trimtab run` first")
        state = self.controller.state
        running = state is not None and state.verdict == "running"
        self._set_arms(stable, None)
        if state is not None and running:
            try:
                self._set_arms(stable, state.release)
            except UserError as error:  # the canary alone is lost
                _log.error("the canary %s ends: %s", state.release[:12], error)
                self.controller.withdraw(str(error))
        self.gateway.embedder = open_embedder(self._workspace.config.serving)

    def _set_arms(self, stable: str, canary: str | None) -> None:
        """Serve these two from now on; an arm that is still open keeps its engine."""
        with self._swapping:
            wanted = [stable] + ([canary] if canary else [])
            self._open = self._opened(wanted)
            self.gateway.set_arms(self._open[stable], self._open[canary] if canary else None)

    def _opened(self, wanted: list[str]) -> dict[str, Served]:
        """All of ``wanted``; where one cannot be had, those opened for it are closed and what is served stays."""
        found = {digest: self._open[digest] for digest in wanted if digest in self._open}
        fresh: list[Served] = []
        try:
            for digest in wanted:
                if digest not in found:
                    fresh.append(self._loads(digest, self._served, beside=bool(self._open or found)))
                    found[digest] = fresh[-1]
        except BaseException:
            for served in fresh:
                served.close()
            raise
        return found

    def _served(self, digest: str) -> Served:
        serving = self._workspace.config.serving
        guess = speculation_of(self._store, get(self._store, digest).behaviour, serving)
        arm = open_verified(
            self._store, digest, serving, self._store, private=self._private, apart=True, speculation=guess
        )
        _log.info("release %s is decoded %s", digest[:12], f"by {guess.way}" if guess else "without guessing ahead")
        caps = arm.engine.caps
        self._mixes |= not caps.scoped_cache
        engine: Any = arm.engine
        plain = Served(
            digest,
            arm.assistant,
            arm.close,
            arm.chat.complete,
            caps.context,
            caps.kv_tokens,
            alive=lambda: getattr(engine, "alive", True),
            counts=lambda: engine.counts if caps.speculates else None,
        )
        folders = {name: self._workspace.root / path for name, path in self._workspace.config.serving.adapters.items()}
        return with_adapters(plain, arm.chat, folders)

    async def _steer(self) -> None:
        """Tick for ever; a tick that fails is logged and tried again, for a stuck canary must still roll back."""
        try:
            while True:
                try:
                    await asyncio.to_thread(self.tick)
                except Exception:  # the named boundary: one failing tick must not end the watch
                    _log.exception("the canary controller failed; it tries again")
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            self._presence.end()

    def tick(self) -> None:
        """One look at what has settled, and a look at whether somebody moved ``stable``."""
        self.controller.tick(self._clock())
        self._part_tenants()
        tell(self._store, self.gateway.shadow.counts)
        try:
            self._follow()
        except UserError as error:  # what was served before goes on; Loads repeats the error until it tries again
            if error is not self._told:
                _log.error("%s", error)
            self._told = error

    def _follow(self) -> None:
        """Serve what the store says is stable, and open again what has lost its engine's process. Raises UserError."""
        for digest in [digest for digest, served in self._open.items() if not served.alive()]:
            _log.error("release %s: its engine's process is gone; it is opened again", digest[:12])
            del self._open[digest]
        stable, arms = self._store.aliases.get("stable"), self.gateway.arms
        serving, canary = arms.get("stable"), arms.get("canary")
        if stable is None or {stable} | ({canary.release} if canary else set()) <= self._open.keys():
            return
        moved = serving is None or serving.release != stable
        beside = None if moved or canary is None else canary.release
        try:
            self._set_arms(stable, beside)
        except UserError as error:
            if beside is None or beside in self._open:
                raise
            self._set_arms(stable, None)
            self.controller.withdraw(str(error))  # the canary alone is lost

    def _part_tenants(self) -> None:
        """Where a second tenant has got a key, open engines again that would mix their prefixes.

        Where that fails nobody is answered until it succeeds: better no answer than one that tells of another's.
        """
        if self._private or len(self.tenants.names) < 2:
            return
        self._private = True
        stable, canary = self.gateway.arms.get("stable"), self.gateway.arms.get("canary")
        if self._mixes and stable is not None:
            self._open = {}
            try:
                self._set_arms(stable.release, None if canary is None else canary.release)
            except UserError as error:
                _log.error("tenants cannot be kept apart, so nothing is served: %s", error)
                self.gateway.set_arms(None)
