"""Workspaces with tiny models, and several of them behind one real server in a thread."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from tests.loop.conftest import CONFIG, write_tiny
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.products import Products
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Release
from trimtab.release import get, promote, register
from trimtab.serve import bind, url_of
from trimtab.serve.server import _Server

ASK: Any = [{"role": "user", "content": "Which colour is the kettle?"}]


def product(root: Path, model: Path, name: str, settle: int = 0) -> Workspace:
    """A workspace whose ``stable`` is ``model``, served as ``name``; its canary settles requests after ``settle`` s."""
    write_tiny(root, model)
    gateway = f"{{port: 0, name: {name}}}"
    config = CONFIG.format(model=json.dumps(str(model))).replace("{port: 0}", gateway)
    (root / "trimtab.yaml").write_text(config.replace("settle_seconds: 0", f"settle_seconds: {settle}"))
    workspace = find_workspace(root)
    promote(workspace.store, released(workspace, model), reason="first", force=True)
    return workspace


def released(workspace: Workspace, model: Path) -> str:
    return register(workspace.store, Release(behaviour_of(workspace, workspace.store.artefacts.put(model))))


class Site:
    """Products behind a server in a thread."""

    def __init__(self, workspaces: list[Workspace]) -> None:
        self.products = Products(workspaces)
        listener = bind("127.0.0.1", 0)
        self.url = url_of(listener)
        config = uvicorn.Config(self.products.app, log_level="error", timeout_graceful_shutdown=5)
        self.server = _Server(config, self.products.router)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=30)
        wait_for(lambda: self.server.started)

    def ask(self, model: str, **fields: Any) -> httpx.Response:
        return self.http.post("/v1/chat/completions", json={"model": model, "messages": ASK} | fields)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.http.close()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def behaviour_model(workspace: Workspace, digest: str) -> str:
    return get(workspace.store, digest).behaviour.model


def hold(live: Any, running: threading.Event, go_on: threading.Event) -> None:
    """Make a product's answers wait for ``go_on``."""
    served = live.gateway.arms.get("stable")
    reply = served.assistant.reply

    async def later(*arguments: Any, **named: Any) -> Any:
        await asyncio.to_thread(go_on.wait)
        return await reply(*arguments, **named)

    live.gateway.arms._arms["stable"] = replace(served, assistant=replace(served.assistant, reply=later))
