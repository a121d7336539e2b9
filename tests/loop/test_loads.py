"""A release that does not load is an error of its own: what answers goes on, and half-opened engines are closed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.loop.conftest import write_tiny
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.config import Serving
from trimtab.loop.live import Live
from trimtab.loop.loads import Loads, engine_bytes, free_bytes
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Release, UserError
from trimtab.release import promote, register


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def workspace(tmp_path: Path, tiny_model: Path) -> Workspace:
    return find_workspace(write_tiny(tmp_path / "tiny", tiny_model))


@pytest.fixture
def releases(workspace: Workspace, tiny_model: Path, tmp_path: Path) -> tuple[str, str]:
    """A stable release, and another of other weights."""
    from trimtab.model import tiny_random_model

    store = workspace.store
    first = register(store, Release(behaviour_of(workspace, store.artefacts.put(tiny_model))))
    other = store.artefacts.put(tiny_random_model(tmp_path / "other", seed=9))
    second = register(store, Release(behaviour_of(workspace, other)))
    promote(store, first, "to begin with", force=True)
    return first, second


@pytest.fixture
def live(workspace: Workspace, releases: tuple[str, str]) -> Any:
    live = Live(workspace, clock=Clock())
    yield live
    live.gateway.arms.close()


@pytest.mark.parametrize("error", [MemoryError("no room"), RuntimeError("bad_alloc"), UserError("no weights")])
def test_a_canary_that_does_not_load_leaves_the_stable_release_alone(
    workspace: Workspace, live: Live, releases: tuple[str, str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stable = live.gateway.arms.get("stable")

    def fail(digest: str) -> Any:
        raise error

    monkeypatch.setattr(live, "_served", fail)
    with pytest.raises(UserError):
        live.controller._carry_out("canary_start", {"release": releases[1], "force": "1"})
    assert live.gateway.arms.get("stable") is stable
    assert live.gateway.arms.get("canary") is None
    assert live.controller.state is None, "no canary has begun"
    live.tick()


def test_two_engines_that_do_not_fit_at_once_are_the_new_ones_error(live: Live, releases: tuple[str, str]) -> None:
    live._loads._free = lambda: 1 << 20
    with pytest.raises(UserError, match=r"needs .* MB beside those that answer, and 1 MB are free"):
        live.controller._carry_out("canary_start", {"release": releases[1], "force": "1"})
    assert live.gateway.arms.get("canary") is None
    live._loads._free = free_bytes
    live._loads._failed.clear()
    live.controller._carry_out("canary_start", {"release": releases[1], "force": "1"})
    assert live.gateway.arms.get("canary") is not None


def test_at_the_start_a_canary_that_does_not_load_is_given_up(
    workspace: Workspace, live: Live, releases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live.controller._carry_out("canary_start", {"release": releases[1], "force": "1"})
    live.gateway.arms.close()
    real = Live._served

    def second_fails(self: Live, digest: str) -> Any:
        if digest == releases[1]:
            raise MemoryError
        return real(self, digest)

    monkeypatch.setattr(Live, "_served", second_fails)
    again = Live(workspace, clock=Clock())
    assert again.gateway.arms.get("stable") is not None
    assert again.gateway.arms.get("canary") is None
    assert again.controller.state is not None
    assert again.controller.state.verdict == "stopped"
    again.gateway.arms.close()


def test_a_failed_load_is_not_tried_twice_a_second_and_is_tried_again_later(live: Live) -> None:
    clock = Clock()
    loads = Loads(live._store, Serving(), clock, free=lambda: 1 << 40)
    tried: list[str] = []

    def load(digest: str) -> str:
        tried.append(digest)
        raise MemoryError("no room")

    def ask(load: Callable[[str], str]) -> str:
        return loads("d" * 64, load, beside=False)

    for _ in range(5):
        clock.now += 0.5
        with pytest.raises(UserError, match="MemoryError: no room"):
            ask(load)
    assert len(tried) == 1
    clock.now += 30
    assert ask(lambda digest: "well") == "well"


def test_room_is_counted_from_weights_and_from_the_containers_limit(tmp_path: Path, tiny_model: Path) -> None:
    stored = sum(file.stat().st_size for file in tiny_model.glob("*.safetensors"))
    assert engine_bytes(tiny_model, Serving(precision="f32")) == stored
    assert engine_bytes(tiny_model, Serving(precision="bf16")) == stored // 2
    for name, text in (("max", "1000"), ("current", "900"), ("stat", "anon 1\ninactive_file 50\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_bytes(tmp_path) == 150
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(tmp_path) == pytest.approx(free_bytes(tmp_path / "none"), rel=0.2)
