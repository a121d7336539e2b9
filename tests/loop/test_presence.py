"""Who steers: a gateway that is there, ticking or not, or else the command itself; never two at once."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from trimtab.loop.presence import Presence, alone
from trimtab.loop.steer import steer
from trimtab.records import UserError


def free(state: Path) -> bool:
    with alone(state) as nobody:
        return nobody


def test_a_command_is_alone_until_a_gateway_comes_and_after_the_last_has_gone(tmp_path: Path) -> None:
    assert free(tmp_path)
    first, second = Presence(tmp_path), Presence(tmp_path)
    assert not free(tmp_path)
    first.end()
    first.end()
    assert not free(tmp_path)
    second.end()
    assert free(tmp_path)


def _hold(state: Path, held: Any) -> None:
    presence = Presence(state)
    held.set()
    signal.pause()
    presence.end()


def test_a_gateway_that_is_killed_is_gone_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    gateway = context.Process(target=_hold, args=(tmp_path, held))
    gateway.start()
    assert held.wait(60)
    assert not free(tmp_path)
    assert gateway.pid is not None
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.join()
    assert free(tmp_path)


def test_a_gateway_waits_while_a_command_acts(tmp_path: Path) -> None:
    came: list[Presence] = []
    with alone(tmp_path) as nobody:
        assert nobody
        comes = threading.Thread(target=lambda: came.append(Presence(tmp_path)))
        comes.start()
        comes.join(0.05)
        assert not came
    comes.join(10)
    came[0].end()


def test_a_command_leaves_what_it_wants_to_a_gateway_that_is_still_loading(tmp_path: Path) -> None:
    """It has not ticked yet: a second controller would start the canary behind its back."""
    from trimtab.loop.workspace import find_workspace

    (tmp_path / "trimtab.yaml").write_text("model: some/model\ndata: {}\n", "utf-8")
    workspace = find_workspace(tmp_path)
    pending = workspace.store.intents.pending
    presence = Presence(workspace.state)
    times = iter([0.0, 1.0, 1000.0])
    with pytest.raises(UserError, match="has not answered"):
        steer(workspace, "rollback", {"release": ""}, clock=lambda: next(times), sleep=lambda _: None)
    assert len(pending()) == 1
    presence.end()
    with pytest.raises(UserError, match="roll"):
        steer(workspace, "rollback", {"release": ""})
    assert pending() == []
