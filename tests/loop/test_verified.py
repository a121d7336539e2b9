"""Served = trained at every load: each planted fault is refused by name, clean loads pass, what served goes on."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.loop.conftest import write_tiny
from trimtab.cli import main
from trimtab.engine import torch_engine
from trimtab.engine.gguf_cache import gguf_of
from trimtab.engine.openvino_engine import available
from trimtab.loop import behaviour as behaviours
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.live import Live
from trimtab.loop.verified import Mismatch, open_verified, verify
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.model import default_cache, tiny_random_model, to_gguf
from trimtab.model import load as load_model
from trimtab.model.resolve import DEFAULT_MODEL, cached
from trimtab.records import Release, UserError, file_digest
from trimtab.release import get, register
from trimtab.tools import Rehearsal

Edit = Callable[[Path], None]
LAYER = "model.layers.0.mlp.down_proj.weight"
needs_openvino = pytest.mark.skipif(not available(), reason="openvino-genai is not installed (the openvino extra)")


def workspace_of(root: Path, model: Path, *serving: str) -> Workspace:
    """A workspace whose one release, the stable one, is ``model``; never opened."""
    workspace = find_workspace(write_tiny(root, model), [f"serving.{setting}" for setting in serving])
    store = workspace.store
    store.aliases.set({"stable": register(store, Release(behaviour_of(workspace, store.artefacts.put(model))))}, "test")
    return workspace


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A workspace whose stable release has been opened once, on torch, and so has its record."""
    workspace = workspace_of(tmp_path_factory.mktemp("released") / "w", tiny_model)
    load(workspace)
    assert get(workspace.store, "stable").logprob_record["sequences"]
    return workspace.root


@pytest.fixture
def workspace(template: Path, tmp_path: Path) -> Workspace:
    return find_workspace(shutil.copytree(template, tmp_path / "w"))


@pytest.fixture
def openvino(tmp_path: Path, tiny_model: Path) -> Workspace:
    """On OpenVINO in bf16, opened once."""
    workspace = workspace_of(tmp_path / "o", tiny_model, "engine=openvino", "precision=bf16")
    load(workspace)
    return workspace


def load(workspace: Workspace, which: str = "stable") -> None:
    open_verified(workspace.store, which, workspace.config.serving, Rehearsal()).close()


def refused(workspace: Workspace, which: str = "stable") -> str:
    """The name of the check that refuses the release."""
    with pytest.raises(Mismatch) as caught:
        load(workspace, which)
    told = (get(workspace.store, which).digest[:12], "expected", "roll back")
    assert all(part in str(caught.value) for part in told)
    return caught.value.finding.check


def model_folder(workspace: Workspace, which: str = "stable") -> Path:
    return workspace.store.artefacts.path(get(workspace.store, which).behaviour.model)


def perturb(folder: Path) -> None:
    """One layer's weights are 1 % larger."""
    tensors = load_file(folder / "model.safetensors")
    tensors[LAYER] *= 1.01
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def other_weights(folder: Path) -> None:
    """As if the base model were served in place of the one with its adapter merged."""
    other = tiny_random_model(folder.parent / "other", seed=7)
    shutil.move(other / "model.safetensors", folder / "model.safetensors")
    shutil.rmtree(other)


def other_template(folder: Path) -> None:
    with (folder / "chat_template.jinja").open("a") as file:
        file.write("{#- another -#}")


def enlarged(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Every model that torch loads has one layer of other weights than its file."""
    plain = load_model

    def spoiled(*args: Any, **options: Any) -> Any:
        model: Any = plain(*args, **options)
        with torch.no_grad():
            model.get_parameter(LAYER).mul_(factor)
        return model

    monkeypatch.setattr(torch_engine, "load", spoiled)


@pytest.mark.parametrize("fault", [other_weights, perturb, other_template])
def test_an_artefact_with_other_bytes_is_refused(workspace: Workspace, fault: Edit) -> None:
    fault(model_folder(workspace))
    assert refused(workspace) == "model"
    assert not verify(workspace.store, "stable", workspace.config.serving, Rehearsal()).passed


def test_another_template_than_the_release_names_is_refused(workspace: Workspace) -> None:
    served = get(workspace.store, "stable").behaviour
    digest = register(workspace.store, Release(replace(served, chat_template="0" * 64)))
    assert refused(workspace, digest) == "chat template"


def test_a_manifest_that_was_edited_is_refused(workspace: Workspace) -> None:
    store = workspace.store
    digest = get(store, "stable").digest
    row = get(store, digest).to_json()
    row["behaviour"]["system_prompt"] = "Say anything."
    store.put("release", digest, row)
    with pytest.raises(Mismatch, match="manifest"):
        load(workspace, digest)


def test_policy_and_tools_are_held_to_their_bytes(workspace: Workspace) -> None:
    behaviour = get(workspace.store, "stable").behaviour
    (policy,) = workspace.store.artefacts.path(behaviour.policy).glob("*.md")
    policy.write_text(policy.read_text() + "\nAnything goes.\n")
    assert refused(workspace) == "policy"


def test_weights_that_change_in_memory_are_seen_by_the_replay_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    enlarged(monkeypatch, 1.01)
    assert refused(workspace) == "log-probs"
    monkeypatch.undo()
    load(workspace)


def test_a_release_without_a_record_is_held_against_the_trainer_first(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_of(tmp_path / "w", tiny_model, "precision=bf16")
    plain = load_model

    def spoiled(folder: Path, *, dtype: str) -> Any:
        model: Any = plain(folder, dtype=dtype)
        if dtype == "bfloat16":  # what is served, not the trainer
            with torch.no_grad():
                model.get_parameter(LAYER).mul_(-3)
        return model

    monkeypatch.setattr(torch_engine, "load", spoiled)
    assert refused(workspace) == "trainer's log-probs"
    assert not get(workspace.store, "stable").logprob_record
    monkeypatch.undo()
    load(workspace)
    assert get(workspace.store, "stable").logprob_record["precision"] == "bf16"


def test_a_record_of_an_older_format_is_made_anew(workspace: Workspace) -> None:
    release = get(workspace.store, "stable")
    register(workspace.store, replace(release, logprob_record={"weights": "x", "sequences": [{"logprobs": [1.0]}]}))
    load(workspace)
    assert get(workspace.store, "stable").logprob_record == release.logprob_record


def test_elsewhere_the_record_holds_within_a_floor_and_then_to_the_bit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = get(workspace.store, "stable")
    recorded: Any = json.loads(json.dumps(release.logprob_record))
    recorded["setting"]["processor"] = "another"
    recorded["sequences"][0]["logprobs"][0] += 1e-4
    register(workspace.store, replace(release, logprob_record=recorded))
    load(workspace)
    load(workspace)
    enlarged(monkeypatch, 1.01)
    assert refused(workspace) == "log-probs"  # by the record that the first load here has left


def test_far_from_a_record_made_elsewhere_is_refused(workspace: Workspace) -> None:
    release = get(workspace.store, "stable")
    recorded: Any = json.loads(json.dumps(release.logprob_record))
    recorded["setting"]["processor"] = "another"
    for row in recorded["sequences"]:
        row["logprobs"] = [value - 0.02 for value in row["logprobs"]]
    register(workspace.store, replace(release, logprob_record=recorded))
    assert refused(workspace) == "log-probs"


def test_another_quantisation_than_recorded_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "_options", lambda *_: {"dtype": "bf16"})
    assert refused(workspace) == "precision"


@needs_openvino
def test_a_file_converted_from_the_weights_is_held_to_its_own_digest(openvino: Workspace, tmp_path: Path) -> None:
    load(openvino)
    file = gguf_of(model_folder(openvino), openvino.store.folder / "engines")
    perturb(shutil.copytree(model_folder(openvino), tmp_path / "perturbed"))
    to_gguf(tmp_path / "perturbed", file)
    with pytest.raises(UserError, match=r"release .* is not served: the converted weights"):
        load(openvino)
    file.with_name(f"{file.name}.sha256").write_text(file_digest(file))  # a forger who knows of it: the replay remains
    assert refused(openvino) == "log-probs"


@needs_openvino
def test_int8_in_the_place_of_bf16_is_refused(openvino: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workdir = openvino.store.folder / "engines"
    monkeypatch.setattr(behaviours, "_options", lambda *_: {"precision": "int8", "workdir": workdir})
    assert refused(openvino) == "precision"


def test_what_cannot_be_served_is_no_canary_and_never_becomes_stable(workspace: Workspace) -> None:
    store, behaviour = workspace.store, get(workspace.store, "stable").behaviour
    other = tiny_random_model(workspace.root / "other", seed=5)
    bad = register(store, Release(behaviour_of(workspace, store.artefacts.put(other))))
    perturb(store.artefacts.path(get(store, bad).behaviour.model))
    live, stable = Live(workspace), behaviour.digest
    try:
        for kind in ("canary_start", "promote", "rollback"):
            store.intents.add(kind, {"release": bad, "force": "yes"}, time=1.0)
        live.tick()
        outcomes = [store.intents.get(number) for number in (1, 2, 3)]
        assert all(one is not None and "is not served: its model check" in str(one.outcome) for one in outcomes)
        assert live.gateway.arms.get("canary") is None
        assert live.controller.state is None
        assert store.aliases.get("stable") == stable
        store.aliases.set({"stable": bad}, "moved behind its back")
        live.tick()
        live.tick()
        served = live.gateway.arms.get("stable")
        assert served is not None
        assert served.release == stable
    finally:
        live.gateway.arms.close()


def test_a_running_canary_that_no_longer_matches_is_withdrawn_at_the_start(workspace: Workspace) -> None:
    from trimtab.loop.canary import CanaryState

    store, stable = workspace.store, get(workspace.store, "stable").digest
    other = tiny_random_model(workspace.root / "other", seed=5)
    bad = register(store, Release(behaviour_of(workspace, store.artefacts.put(other))))
    store.canary.save({"state": CanaryState(bad, stable).to_json(), "position": 0})
    perturb(model_folder(workspace, bad))
    live = Live(workspace)
    live.gateway.arms.close()
    assert live.controller.state is not None
    assert live.controller.state.verdict == "stopped"
    assert "model check" in live.controller.state.drivers[0]


def test_serve_and_verify_say_what_differs(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["-w", str(workspace.root)]
    main(["verify", *place, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["passed"]
    assert [finding["check"] for finding in report["findings"]][-2:] == ["log-probs", "trainer's log-probs"]
    perturb(model_folder(workspace))
    with pytest.raises(SystemExit) as stopped:
        main(["verify", *place])
    assert stopped.value.code == 1
    assert "NO  model" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "--port", "0", *place])
    assert stopped.value.code == 2
    assert "is not served: its model check found others" in capsys.readouterr().err


@pytest.fixture(params=[("openvino", "bf16"), ("openvino", "int8"), ("torch", "f32")], ids="-".join)
def fresh(request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path) -> Workspace:
    """A workspace on each engine: on the default model where TRIMTAB_LOADS asks for many loads and it is cached."""
    engine, precision = request.param
    if engine == "openvino" and not available():
        pytest.skip("openvino-genai is not installed (the openvino extra)")
    real = cached(DEFAULT_MODEL, default_cache()) if "TRIMTAB_LOADS" in os.environ else None
    return workspace_of(tmp_path / "w", real or tiny_model, f"engine={engine}", f"precision={precision}")


def test_clean_loads_raise_no_alarm(fresh: Workspace) -> None:
    for _ in range(int(os.environ.get("TRIMTAB_LOADS", "3"))):
        load(fresh)
