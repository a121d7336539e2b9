"""A release served by a server that the workspace names: wired from the config, and held to its record."""

from pathlib import Path
from typing import Any

import pytest

from tests.engine.peer import DONE, Handler, Peer, serving, text_event
from tests.engine.test_remote_vllm import pages, scores
from tests.loop.test_verified import workspace_of
from trimtab.engine import Request, TorchEngine, generate
from trimtab.engine.remote_servers import OpenAiEngine, VllmEngine
from trimtab.loop.behaviour import _options
from trimtab.loop.config import EndpointSection, Serving
from trimtab.loop.verified import Mismatch, open_verified, verify
from trimtab.records import UserError
from trimtab.release import get
from trimtab.tools import Rehearsal

CARD = [{"id": "m", "root": "org/m", "parent": None, "max_model_len": 4096}]


def opened(workspace: Any, **how: Any) -> Any:
    return open_verified(workspace.store, "stable", workspace.config.serving, Rehearsal(), **how)


def test_a_server_that_is_not_named_is_one_mistake(tmp_path: Path, tiny_model: Path) -> None:
    for name in ("openai", "vllm"):
        workspace = workspace_of(tmp_path / name, tiny_model, f"engine={name}")
        with pytest.raises(UserError, match=r"serving\.endpoint.*no server is named"):
            opened(workspace)


def test_any_server_answers_for_a_release_without_log_probs(
    tmp_path: Path, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(handler: Handler) -> None:
        handler.begin()
        handler.say(text_event("hello", "stop"), DONE)

    with serving(Peer([answer])) as peer:
        words = ("engine=openai", f"endpoint.url={peer.url}", "endpoint.model=m")
        workspace = workspace_of(tmp_path / "w", tiny_model, *words)
        arm = opened(workspace)
        assert isinstance(arm.engine, OpenAiEngine)
        assert generate(arm.engine, [Request((5,))])[0].finish == "stop"
        arm.close()
        assert "gives no log-probs to replay" in caplog.text
        with pytest.raises(UserError, match="several tenants"):
            opened(workspace, private=True)
        told = Serving(engine="openai", endpoint=EndpointSection(url=peer.url, model="m", prefix_cache=False))
        arm = open_verified(workspace.store, "stable", told, Rehearsal(), private=True)
        assert arm.engine.caps.scoped_cache
        arm.close()


def test_a_vllm_that_has_the_release_serves_it_and_one_that_has_not_is_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    local = TorchEngine(tiny_model)
    try:
        with serving(Peer([scores(local)], pages(cards=CARD))) as peer:
            told = ("engine=vllm", f"endpoint.url={peer.url}", "endpoint.model=m", "precision=f32")
            workspace = workspace_of(tmp_path / "w", tiny_model, *told)
            for private in (False, True):  # the first load is held to the trainer, the second to its record
                arm = opened(workspace, private=private)
                assert isinstance(arm.engine, VllmEngine)
                assert arm.engine.caps.precision == "f32"
                arm.close()
            assert get(workspace.store, "stable").logprob_record["weights"] == "vllm:m@org/m"
            assert verify(workspace.store, "stable", workspace.config.serving, Rehearsal()).passed
            peer.answers = [scores(local, 0.3)]
            with pytest.raises(Mismatch, match="log-probs"):
                opened(workspace)
    finally:
        local.close()


def test_the_engines_of_this_process_are_told_nothing_of_an_endpoint(tmp_path: Path, tiny_model: Path) -> None:
    workspace = workspace_of(tmp_path / "w", tiny_model)
    behaviour = get(workspace.store, "stable").behaviour
    for name in ("auto", "openvino", "torch"):
        assert "endpoint" not in _options(workspace.store, behaviour, Serving(engine=name), False)
