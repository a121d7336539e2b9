"""The whole product on a tiny model: served over HTTP, spoken to by the official client, canaried, rolled back."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.loop.conftest import write_tiny
from trimtab.cli import main
from trimtab.cli.demo.stage import Stage
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.live import Live
from trimtab.loop.reap import reap
from trimtab.loop.steer import steer
from trimtab.loop.steps import TURN
from trimtab.loop.turn import run_turn
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Release, Silent
from trimtab.release import register
from trimtab.serve.tenants import issue_key

TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object", "properties": {}}},
}
ASK: Any = [{"role": "user", "content": "Which colour is the kettle?"}]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A workspace after its first turn."""
    folder = write_tiny(tmp_path_factory.mktemp("live") / "tiny", tiny_model)
    run_turn(find_workspace(folder), TURN, Silent())
    return folder


@pytest.fixture
def workspace(taught: Path) -> Workspace:
    return find_workspace(taught)


@pytest.fixture
def stage(workspace: Workspace) -> Iterator[Stage]:
    with Stage(workspace) as stage:
        yield stage


@pytest.fixture
def client(stage: Stage) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stage.url}/v1", api_key="none", max_retries=0)


def candidate(workspace: Workspace) -> str:
    """A second release: the taught model where the turn left one, registered whatever the gate said."""
    outputs = {record.step: record.outputs for record in workspace.store.journal.history()}
    return register(workspace.store, Release(behaviour_of(workspace, str(outputs["refresh"]["model"]))))


def wait_for(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_the_official_client_chats_streams_lists_models_and_gets_its_tools(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="trimtab", messages=ASK)
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    parts: list[Any] = list(client.chat.completions.create(model="trimtab", messages=ASK, stream=True))
    assert parts[-1].choices[0].finish_reason in ("stop", "length", "content_filter")
    assert next(model.id for model in client.models.list()) == "trimtab"
    offered = client.chat.completions.create(model="trimtab", messages=ASK, tools=[TOOL])
    assert offered.choices[0].message.content is not None or offered.choices[0].message.tool_calls
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=ASK)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="trimtab", messages=[])


def test_a_form_is_kept_or_refused_beside_the_workspaces_tools(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"red": {"type": "boolean"}}, "required": ["red"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    choice = client.chat.completions.create(model="trimtab", messages=ASK, response_format=form).choices[0]
    said = choice.message
    assert (said.content is None) is not (said.refusal is None)
    if said.content is not None and choice.finish_reason == "stop":
        assert isinstance(json.loads(said.content)["red"], bool)
    free: Any = client.chat.completions.create(
        model="trimtab", messages=ASK, response_format=form, tools=[TOOL], tool_choice="required"
    )
    assert free.choices[0].finish_reason == "length" or free.choices[0].message.tool_calls[0].function.name == "weather"
    assert client.completions.create(model="trimtab", prompt="The kettle is", max_tokens=3).choices


def test_a_request_leaves_a_redacted_trace(stage: Stage, client: openai.OpenAI, workspace: Workspace) -> None:
    ask: Any = [{"role": "user", "content": "Write to jane.doe@example.com about it."}]
    answer = client.chat.completions.create(model="trimtab", messages=ask)
    wait_for(lambda: workspace.store.traces.get(answer.id) is not None)
    kept = workspace.store.traces.get(answer.id)
    assert kept is not None
    assert "jane.doe" not in json.dumps(kept.to_json())
    exact = workspace.store.capture.get(answer.id)
    assert exact is not None
    assert "jane.doe@example.com" in exact.prompt[-1].content


def test_a_canary_that_people_complain_of_is_rolled_back_by_itself(stage: Stage, workspace: Workspace) -> None:
    bad = candidate(workspace)
    stable = workspace.store.aliases.get("stable")
    steer(workspace, "canary_start", {"release": bad, "force": "yes"})
    wait_for(lambda: stage.live.controller.share() == 0.5)
    controller = stage.live.controller
    with httpx.Client(base_url=stage.url, timeout=30) as http:
        for number in range(200):
            body = {"model": "trimtab", "messages": ASK, "user": f"user-{number}"}
            answer = http.post("/v1/chat/completions", json=body)
            if answer.headers["x-trimtab-release"] == bad:
                http.post("/v1/feedback", json={"trace": answer.json()["id"], "thumb": False})
            if controller.state is not None and controller.state.verdict != "running":
                break
    wait_for(lambda: controller.state is not None and controller.state.verdict == "rolled_back")
    assert controller.state is not None
    assert any("complaint" in driver for driver in controller.state.drivers)
    assert controller.share() == 0.0
    assert workspace.store.aliases.get("stable") == stable


def test_an_edit_is_harvested_through_the_same_door(stage: Stage, workspace: Workspace) -> None:
    with httpx.Client(base_url=stage.url, timeout=30) as http:
        for question in ("What would you paint a shed?", "Name one animal with a red coat, please."):
            ask = [{"role": "user", "content": question}]
            answer = http.post("/v1/chat/completions", json={"model": "trimtab", "messages": ask}).json()
            said = http.post("/v1/feedback", json={"trace": answer["id"], "edit": "Something calm."})
            assert said.status_code == 200
            wait_for(lambda id=answer["id"]: workspace.store.feedback.for_trace(id))
    done = reap(workspace, who="test", now=time.time())
    rows = (workspace.root / "data/harvest/sft.jsonl").read_text()
    assert done.sft >= 1
    assert "paint a shed" in rows
    assert "red coat" not in rows
    assert any("quarantine" in reason for reason in done.refused.values())


def test_a_rollback_by_command_moves_the_running_gateway(stage: Stage, workspace: Workspace) -> None:
    new, old = candidate(workspace), workspace.store.aliases.get("stable")
    steer(workspace, "promote", {"release": new, "force": "yes"})
    with httpx.Client(base_url=stage.url, timeout=30) as http:

        def release() -> str:
            answer = http.post("/v1/chat/completions", json={"model": "trimtab", "messages": ASK})
            return answer.headers["x-trimtab-release"]

        wait_for(lambda: release() == new)
        steer(workspace, "rollback", {"release": ""})
        wait_for(lambda: release() == old)


def test_a_running_gateway_notices_keys_and_keeps_what_they_spent(
    taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(taught, tmp_path / "keyed")
    workspace = find_workspace(tmp_path / "keyed")
    with Stage(workspace) as stage, httpx.Client(base_url=stage.url, timeout=30) as http:

        def ask(key: str) -> httpx.Response:
            body = {"model": "trimtab", "messages": ASK}
            return http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})

        assert ask("none").status_code == 200
        main(["keys", "create", "acme", "--requests-per-minute", "100", "-w", str(workspace.root)])
        key = capsys.readouterr().out.strip()
        wait_for(lambda: ask("none").status_code == 401)
        answer = ask(key)
        assert (answer.status_code, answer.headers["x-ratelimit-limit-requests"]) == (200, "100")
        main(["keys", "set", "acme", "--requests-per-minute", "50", "-w", str(workspace.root)])
        wait_for(lambda: ask(key).headers["x-ratelimit-limit-requests"] == "50")
        main(["keys", "revoke", key[:11], "-w", str(workspace.root)])
        wait_for(lambda: ask(key).status_code == 401)
    (spend,) = workspace.store.spending.spent("acme").values()
    assert spend.requests >= 2
    assert spend.dollars > 0
    assert workspace.store.spending.held("acme") == 0


def test_a_second_tenant_reopens_engines_that_would_mix_their_prefixes(taught: Path, tmp_path: Path) -> None:
    shutil.copytree(taught, tmp_path / "keyed")
    workspace = find_workspace(tmp_path / "keyed")
    live = Live(workspace)
    opened = []
    for mixes, name in ((True, "acme"), (True, "other"), (False, "third")):
        live._mixes = mixes
        workspace.store.tenants.put(name, {}, time=0.0)
        workspace.store.tenants.add_key(issue_key(name, now=0.0)[1])
        live.tenants.refresh()
        live.tick()
        opened.append(live.gateway.arms.get("stable"))
    live.gateway.arms.close()
    assert live._private
    assert opened[0] is not opened[1]
    assert opened[1] is opened[2]


def test_a_controller_that_died_between_deciding_and_promoting_finishes(workspace: Workspace) -> None:
    from trimtab.loop.canary import CanaryState
    from trimtab.loop.steer import controller_here

    new, old = candidate(workspace), workspace.store.aliases.get("stable")
    assert old is not None
    decided = replace(CanaryState(new, old), verdict="promoted", forced=True, drivers=("all safe",))
    workspace.store.canary.save({"state": decided.to_json(), "position": 0})
    workspace.store.documents.delete("canary_done", new)
    controller_here(workspace).tick(time.time())
    assert workspace.store.aliases.get("stable") == new
    controller_here(workspace).tick(time.time())
    assert workspace.store.aliases.get("rollback") == old
