"""An engine whose process dies comes back by itself: through the same checks, bounded, and nothing else notices."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.loop.side_by_side import ASK, behaviour_model, product, released, wait_for
from trimtab.engine import TorchEngine
from trimtab.engine.apart import ApartEngine
from trimtab.loop.live import Live
from trimtab.loop.workspace import Workspace
from trimtab.model import tiny_random_model
from trimtab.records import UserError
from trimtab.serve import KeyedTenants, Served, create_app


class Mortal(TorchEngine):
    """An engine that can lose its process, in a test's time."""

    alive = True


Opened = list[Any]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Every engine that is opened."""
    opened: Opened = []

    def open_engine(name: str, folder: Path, *, apart: bool = False, **options: Any) -> Any:
        assert apart
        opened.append(Mortal(folder, **options))
        return opened[-1]

    monkeypatch.setattr("trimtab.loop.behaviour.open_engine", open_engine)
    return opened


@pytest.fixture
def shop(tmp_path: Path, tiny_model: Path) -> Workspace:
    return product(tmp_path / "shop", tiny_model, "shop")


class Desk:
    """A gateway over a workspace whose ticks the test makes, at times that it sets."""

    def __init__(self, workspace: Workspace) -> None:
        self.now = time.time()
        self.live = Live(workspace, lambda: self.now)
        self.client = TestClient(create_app(self.live.gateway))

    def ask(self, **fields: Any) -> Any:
        return self.client.post("/v1/chat/completions", json={"model": "shop", "messages": ASK} | fields)

    def ready(self) -> tuple[int, dict[str, str]]:
        answer = self.client.get("/ready")
        return answer.status_code, answer.json()["arms"]


@pytest.fixture
def desk(engines: Opened) -> Iterator[Callable[[Workspace], Desk]]:
    desks: list[Desk] = []

    def make(workspace: Workspace) -> Desk:
        desks.append(Desk(workspace))
        desks[-1].client.__enter__()
        return desks[-1]

    yield make
    for one in desks:
        one.client.__exit__(None, None, None)


def start_canary(here: Desk, release: str) -> None:
    here.live._store.intents.add("canary_start", {"release": release, "force": "yes"}, time=here.now)
    here.live.tick()
    assert here.live.gateway.arms.get("canary") is not None


def test_a_killed_process_is_noticed_and_its_release_opened_again(
    shop: Workspace, desk: Callable[[Workspace], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it happens: a real process, killed. What follows does the same to engines that only say so."""
    opened: Opened = []

    def open_engine(name: str, folder: Path, *, apart: bool = False, **options: Any) -> Any:
        opened.append(Mortal(folder, **options) if opened else ApartEngine("torch", folder, **options))
        return opened[-1]

    monkeypatch.setattr("trimtab.loop.behaviour.open_engine", open_engine)
    here = desk(shop)
    os.kill(opened[0].pid, signal.SIGKILL)
    wait_for(lambda: not opened[0].alive)
    assert here.ask().status_code == 503
    here.live.tick()
    assert here.ask().status_code == 200
    assert len(opened) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(opened[0].pid, 0)


def test_a_dead_engine_is_not_ready_then_opened_again_once(
    desk: Callable[[Workspace], Desk], shop: Workspace, engines: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    here, stable = desk(shop), shop.store.aliases.get("stable")
    assert here.ask().status_code == 200
    engines[0].alive = False
    refused = here.ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
    assert "retry-after" in refused.headers
    assert here.ready() == (503, {})
    with caplog.at_level(logging.ERROR, "trimtab.live"):
        for _ in range(3):
            here.live.tick()
    assert here.ready() == (200, {"stable": stable})
    answer = here.ask()
    assert (answer.status_code, answer.headers["x-trimtab-release"]) == (200, stable)
    assert len(engines) == 2
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "its engine's process is gone; it is opened again"
    ]


def test_a_canarys_death_leaves_stable_as_it_was(
    desk: Callable[[Workspace], Desk], shop: Workspace, engines: Opened, tmp_path: Path
) -> None:
    here, canary = desk(shop), released(shop, tiny_random_model(tmp_path / "other", seed=2))
    start_canary(here, canary)
    stable, digest = here.live.gateway.arms.get("stable"), shop.store.aliases.get("stable")
    engines[1].alive = False
    assert here.ready() == (200, {"stable": digest})
    here.live.tick()
    assert here.ready() == (200, {"stable": digest, "canary": canary})
    assert here.live.gateway.arms.get("stable") is stable
    assert here.ask(model=f"shop@{canary[:12]}").status_code == 200
    assert len(engines) == 3


def test_one_that_cannot_be_opened_again_is_tried_twice_a_minute_and_said_once(
    desk: Callable[[Workspace], Desk], shop: Workspace, engines: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    here, digest = desk(shop), shop.store.aliases.get("stable")
    assert digest is not None
    weights = shop.store.artefacts.path(behaviour_model(shop, digest)) / "model.safetensors"
    whole = weights.read_bytes()
    weights.chmod(0o644)
    weights.write_bytes(b"torn")
    engines[0].alive = False
    with caplog.at_level(logging.ERROR, "trimtab.live"):
        for _ in range(5):
            here.live.tick()
        assert len(caplog.records) == 2, "that it is gone, and why it does not come back"
        assert here.ask().status_code == 503
        weights.write_bytes(whole)
        here.live.tick()
        assert here.ready()[0] == 503
        here.now += 31.0
        here.live.tick()
    assert here.ask().status_code == 200
    assert len(engines) == 2


def test_a_canary_that_cannot_be_opened_again_is_withdrawn(
    desk: Callable[[Workspace], Desk], shop: Workspace, engines: Opened, tmp_path: Path
) -> None:
    here, canary = desk(shop), released(shop, tiny_random_model(tmp_path / "other", seed=2))
    start_canary(here, canary)
    weights = shop.store.artefacts.path(behaviour_model(shop, canary)) / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(b"torn")
    engines[1].alive = False
    here.live.tick()
    state = here.live.controller.state
    assert state is not None
    assert state.verdict == "stopped"
    assert here.live.gateway.arms.get("canary") is None
    assert here.ask().status_code == 200


def test_what_an_engine_guesses_ahead_is_in_the_metrics(
    desk: Callable[[Workspace], Desk], shop: Workspace, engines: Opened
) -> None:
    config = shop.root / "trimtab.yaml"
    config.write_text(config.read_text().replace("precision: f32,", "precision: f32, speculation: lookup,"))
    from trimtab.loop.workspace import find_workspace

    again = find_workspace(shop.root)
    here, digest = desk(again), again.store.aliases.get("stable")
    assert digest is not None
    here.ask(model="shop", max_tokens=16)
    counts = engines[0].counts
    assert counts.verified >= counts.turns > 0
    lines = here.client.get("/metrics").text.splitlines()
    for kind in ("proposed", "accepted", "verified"):
        row = f'trimtab_speculation_tokens_total{{release="{digest[:12]}",kind="{kind}"}} {getattr(counts, kind)}'
        assert row in lines


def test_the_embedding_model_of_the_config_is_served_and_one_that_is_none_is_a_persons_mistake(
    desk: Callable[[Workspace], Desk], shop: Workspace, tiny_model: Path
) -> None:
    from trimtab.loop.workspace import find_workspace
    from trimtab.records import UserError

    config = shop.root / "trimtab.yaml"
    plain = config.read_text()
    config.write_text(plain.replace("precision: f32,", f"precision: f32, embeddings: {tiny_model},"))
    here = desk(find_workspace(shop.root))
    answer = here.client.post("/v1/embeddings", json={"model": "shop:embeddings", "input": "hi"})
    assert len(answer.json()["data"][0]["embedding"]) == 64
    config.write_text(plain.replace("precision: f32,", "precision: f32, embeddings: ./nowhere,"))
    with pytest.raises(UserError, match="embedding model cannot be served") as wrong:
        Live(find_workspace(shop.root))
    assert wrong.value.field == "serving.embeddings"
    config.write_text(plain.replace("precision: f32,", "precision: f32, embeddings: x, adapters: {embeddings: y},"))
    with pytest.raises(UserError, match="embeddings"):
        find_workspace(shop.root)


def test_where_tenants_cannot_be_parted_nobody_is_answered_until_they_are(
    desk: Callable[[Workspace], Desk], shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = desk(shop)
    assert here.ask().status_code == 200
    here.live._mixes = True  # as with an engine whose prefixes are everybody's
    monkeypatch.setattr(KeyedTenants, "names", property(lambda self: frozenset("ab")))

    def refuse(digest: str) -> Served:
        raise UserError("it does not open without its prefixes")

    with monkeypatch.context() as broken:
        broken.setattr(here.live, "_served", refuse)
        here.live.tick()
        here.live.tick()
        assert here.ask().status_code == 503
        assert here.ready()[0] == 503
    here.now += 31
    here.live.tick()
    assert here.ask().status_code == 200
