"""Adapters from the workspace: served by name beside each release, or merged where the release itself names one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.engine.test_adapters import make_adapter
from tests.loop.conftest import write_tiny
from trimtab.loop.behaviour import behaviour_of, open_arm
from trimtab.loop.live import Live
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.model import weights_digest
from trimtab.model.lora_folder import read_lora
from trimtab.records import Release, UserError
from trimtab.release import get, promote, register


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Path:
    """A workspace with an adapter folder, its stable release the tiny model."""
    root = write_tiny(tmp_path / "tiny", tiny_model)
    make_adapter(tiny_model, root / "adapters" / "legal", 3, 4, ("q_proj", "down_proj"))
    workspace = find_workspace(root)
    first = register(workspace.store, Release(behaviour_of(workspace, workspace.store.artefacts.put(tiny_model))))
    promote(workspace.store, first, "to begin with", force=True)
    return root


def opened(root: Path, *overrides: str) -> Workspace:
    return find_workspace(root, overrides)


def test_the_workspaces_adapters_are_served_by_name(home: Path) -> None:
    live = Live(opened(home, "serving.engine=torch", "serving.adapters={legal: adapters/legal}"))
    ask: Any = {"messages": [{"role": "user", "content": "hi"}], "tool_choice": "none", "max_tokens": 8}
    with TestClient(live.app) as client:
        assert "trimtab:legal" in [row["id"] for row in client.get("/v1/models").json()["data"]]
        plain = client.post("/v1/chat/completions", json={"model": "trimtab", **ask})
        legal = client.post("/v1/chat/completions", json={"model": "trimtab:legal", **ask})
        nobody = client.post("/v1/chat/completions", json={"model": "trimtab:nobody", **ask})
    assert [answer.status_code for answer in (plain, legal, nobody)] == [200, 200, 404]
    digest = read_lora(home / "adapters" / "legal").digest
    assert legal.headers["x-trimtab-adapter"] == f"legal@{digest}"
    assert legal.headers["x-trimtab-release"] == plain.headers["x-trimtab-release"]
    kept = {trace.adapter for _, trace in live._store.traces.all(0)}
    assert kept == {"", f"legal@{digest}"}


@pytest.mark.parametrize(
    ("setting", "said"),
    [("serving.adapters={legal: nowhere}", "adapter_config"), ("serving.adapters={'a:b': adapters/legal}", "adapters")],
)
def test_an_adapter_that_cannot_be_served_is_said_at_the_start(home: Path, setting: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Live(opened(home, "serving.engine=torch", setting))


def test_an_engine_without_adapters_by_name_is_an_error_not_the_base(home: Path) -> None:
    pytest.importorskip("openvino_genai", reason="needs the openvino extra")
    with pytest.raises(UserError, match="serves no adapters by name"):
        Live(opened(home, "serving.engine=openvino", "serving.adapters={legal: adapters/legal}"))


def test_a_release_that_names_an_adapter_is_served_merged(home: Path) -> None:
    workspace = opened(home, "serving.engine=torch", "serving.precision=f32")
    store = workspace.store
    plain = get(store, str(store.aliases.get("stable"))).behaviour
    named = replace(plain, adapter=store.artefacts.put(home / "adapters" / "legal"))
    assert named.digest != plain.digest
    effects: Any = store
    weights = []
    for behaviour in (plain, named, named):
        arm = open_arm(store, behaviour, workspace.config.serving, effects)
        weights.append(arm.engine.weights)
        arm.close()
    assert weights[0] == weights_digest(store.artefacts.path(plain.model))
    assert weights[1] == weights[2] != weights[0], "never silently the base"
