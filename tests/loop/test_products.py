"""Two products on one real port with real (tiny) engines: each as it would be alone, whatever befalls the other."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.loop.conftest import write_tiny
from tests.loop.side_by_side import ASK, Site, behaviour_model, hold, product, released, wait_for
from trimtab.cli import main
from trimtab.loop.products import Products
from trimtab.loop.steer import steer
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.model import tiny_random_model
from trimtab.records import UserError
from trimtab.release import promote


@pytest.fixture
def shop(tmp_path: Path, tiny_model: Path) -> Workspace:
    return product(tmp_path / "shop", tiny_model, "shop")


@pytest.fixture
def desk(tmp_path: Path, tiny_model: Path) -> Workspace:
    return product(tmp_path / "desk", tiny_model, "desk")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "other", seed=2)


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(*workspaces: Workspace) -> Site:
        sites.append(Site(list(workspaces)))
        return sites[-1]

    yield make
    for one in sites:
        one.close()


def test_the_official_client_reaches_both_each_with_its_own_keys_traces_and_feedback(
    site: Callable[..., Site], shop: Workspace, desk: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {}
    for workspace in (shop, desk):
        main(["keys", "create", "acme", "-w", str(workspace.root)])
        keys[workspace.root] = capsys.readouterr().out.strip()
    here = site(shop, desk)
    for own, other in ((shop, desk), (desk, shop)):
        name, foreign = own.config.gateway.name, other.config.gateway.name
        with openai.OpenAI(base_url=f"{here.url}/v1", api_key=keys[own.root], max_retries=0) as client:
            answer = client.chat.completions.create(model=name, messages=ASK)
            parts: list[Any] = list(client.chat.completions.create(model=name, messages=ASK, stream=True))
            assert parts[-1].choices[0].finish_reason in ("stop", "length", "content_filter")
            assert {row.id.split("@")[0] for row in client.models.list()} == {name}
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model=foreign, messages=ASK)
        wait_for(lambda id=answer.id, store=own.store: store.traces.get(id) is not None)  # type: ignore[misc]
        assert other.store.traces.get(answer.id) is None
        for workspace, status in ((other, 404), (own, 200)):
            headers = {"authorization": f"Bearer {keys[workspace.root]}"}
            said = {"trace": answer.id, "thumb": False}
            assert here.http.post("/v1/feedback", json=said, headers=headers).status_code == status
        assert len(own.store.feedback.for_trace(answer.id)) == 1
        assert other.store.feedback.for_trace(answer.id) == []
    assert here.ask("shop").status_code == 401


def test_one_product_rolled_back_by_its_canary_leaves_the_other_as_it_was(
    site: Callable[..., Site], shop: Workspace, tmp_path: Path, tiny_model: Path, other_model: Path
) -> None:
    """Complaints on every canary answer of the shop, traffic on both, a canary of its own on the desk (which waits)."""
    desk = product(tmp_path / "calm", tiny_model, "desk", settle=3600)
    bad, fine = released(shop, other_model), released(desk, other_model)
    here = site(shop, desk)
    for workspace, release in ((shop, bad), (desk, fine)):
        steer(workspace, "canary_start", {"release": release, "force": "yes"})
    lives, stop, seen = here.products.lives, threading.Event(), set[tuple[int, str, str]]()

    def customer() -> None:
        with httpx.Client(base_url=here.url, timeout=30) as http:
            while not stop.is_set():
                answer = http.post("/v1/chat/completions", json={"model": "desk", "messages": ASK, "user": "one"})
                seen.add((answer.status_code, answer.headers["x-trimtab-release"], answer.headers["x-trimtab-arm"]))

    served = lives["desk"].gateway.arms.get("stable"), lives["desk"].gateway.arms.get("canary")
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(customer)
        for number in range(200):
            answer = here.ask("shop", user=f"user-{number}")
            if answer.headers["x-trimtab-release"] == bad:
                here.http.post("/v1/feedback", json={"trace": answer.json()["id"], "thumb": False})
            if (state := lives["shop"].controller.state) is not None and state.verdict != "running":
                break
        wait_for(lambda: lives["shop"].gateway.arms.get("canary") is None)
        count = len(desk.store.traces.all())
        wait_for(lambda: len(desk.store.traces.all()) > count)
        stop.set()
        asking.result()
    state = lives["shop"].controller.state
    assert state is not None
    assert state.verdict == "rolled_back"
    assert any("complaint" in driver for driver in state.drivers)
    assert (lives["desk"].gateway.arms.get("stable"), lives["desk"].gateway.arms.get("canary")) == served
    assert len(seen) == 1, "one user: one status, one release and one arm, before, during and after"
    assert next(iter(seen))[0] == 200
    mine = lives["desk"].controller.state
    assert mine is not None
    assert (mine.verdict, mine.release, lives["desk"].controller.share()) == ("running", fine, 0.5)
    assert {trace.release for _, trace in desk.store.traces.all()} <= {fine, mine.stable}


def test_a_product_that_cannot_load_leaves_the_other_serving_and_is_mended_by_a_rollback(
    site: Callable[..., Site], shop: Workspace, desk: Workspace, tiny_model: Path, other_model: Path
) -> None:
    promote(shop.store, broken := released(shop, other_model), reason="second", force=True)
    weights = shop.store.artefacts.path(behaviour_model(shop, broken)) / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(b"torn")
    here = site(shop, desk)
    ready = here.http.get("/ready")
    assert ready.status_code == 200
    assert {name: row["status"] for name, row in ready.json()["products"].items()} == {
        "shop": "not ready",
        "desk": "ready",
    }
    assert here.ask("desk").status_code == 200
    assert (here.ask("shop").status_code, here.ask("shop").json()["error"]["code"]) == (503, "not_ready")
    steer(shop, "rollback", {"release": ""})
    wait_for(lambda: here.ask("shop").status_code == 200)
    assert here.ask("desk").status_code == 200


def test_sigterm_drains_both(site: Callable[..., Site], shop: Workspace, desk: Workspace) -> None:
    here = site(shop, desk)
    lives = here.products.lives
    running, go_on = threading.Event(), threading.Event()
    for live in lives.values():
        hold(live, running, go_on)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(here.ask, name) for name in lives]
        wait_for(lambda: all(live.gateway.in_flight for live in lives.values()))
        here.server.handle_exit(signal.SIGTERM, None)
        wait_for(lambda: all(live.gateway.admission.draining for live in lives.values()))
        assert [here.ask(name).status_code for name in lives] == [503, 503]
        assert here.http.get("/ready").json()["status"] == "draining"
        go_on.set()
        assert [answer.result().status_code for answer in answers] == [200, 200]
    here.thread.join(10)
    assert not here.thread.is_alive()


def test_a_shadow_is_started_by_command_copies_real_requests_and_tells_its_agreement(
    site: Callable[..., Site], shop: Workspace, desk: Workspace, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The candidate has stable's weights and another prompt: nothing of it is served, all of it is compared."""
    (shop.root / "system.md").write_text("Be brief, please.\n")
    twin = released(shop, tiny_model)
    here = site(shop, desk)
    at = ["-w", str(shop.root)]
    main(["canary", "start", twin, "--force", "--shadow", "1", *at])
    for _ in range(3):
        answer = here.ask("shop")
        assert answer.headers["x-trimtab-arm"] == "stable"
    here.ask("desk")
    wait_for(lambda: len(shop.store.traces.query(arm="shadow")) >= 3)
    wait_for(lambda: (shop.store.get("shadow", "shadow") or {}).get("copied") == 3)
    capsys.readouterr()
    main(["canary", "status", "--json", *at])
    told = json.loads(capsys.readouterr().out)
    assert (told["share"], told["verdict"], told["requests"]) == (0.0, "running", {"stable": 0, "canary": 0})
    assert (told["shadow"]["copies"], told["shadow"]["failed"], told["shadow"]["compared"]) == (3, 0, 3)
    main(["canary", "status", *at])
    assert "3 copies of 100%" in capsys.readouterr().out
    assert desk.store.traces.query(arm="shadow") == []
    main(["canary", "shadow", "0", *at])
    wait_for(lambda: here.products.lives["shop"].controller.share() == 0.5)


def test_one_workspace_is_served_without_the_router(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setattr("trimtab.serve.run_server", lambda app, **rest: ran.append((app, rest["drain"])))
    main(["serve", "-w", str(shop.root)])
    ((app, drain),) = ran
    drain.arms.close()
    assert (type(app).__name__, type(drain).__name__) == ("Starlette", "Gateway")


def test_a_canary_that_cannot_load_leaves_its_own_stable_serving(
    site: Callable[..., Site], shop: Workspace, desk: Workspace, other_model: Path
) -> None:
    torn = released(shop, other_model)
    steer(shop, "canary_start", {"release": torn, "force": "yes"})
    weights = shop.store.artefacts.path(behaviour_model(shop, torn)) / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(b"torn")
    here = site(shop, desk)
    wait_for(lambda: here.ask("shop").status_code == 200)
    assert here.ask("desk").status_code == 200


def test_one_name_for_two_products_is_refused_in_words(
    shop: Workspace, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = product(tmp_path / "twin", tiny_model, "shop")
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "-w", str(shop.root), "-w", str(twin.root)])
    said = capsys.readouterr().err
    assert "two products are called 'shop'" in said
    assert "gateway.name" in said


def test_beyond_this_machine_every_product_needs_keys(
    shop: Workspace, desk: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "create", "acme", "-w", str(shop.root)])
    where = ["--host", "0.0.0.0", "--port", "0"]
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "-w", str(shop.root), "-w", str(desk.root), *where])
    said = capsys.readouterr().err
    assert "can be reached from other machines" in said
    assert str(desk.root) in said


def test_where_no_product_can_be_loaded_nothing_is_served(tmp_path: Path, tiny_model: Path) -> None:
    workspaces = []
    for name in ("shop", "desk"):
        write_tiny(tmp_path / name, tiny_model)
        config = (tmp_path / name / "trimtab.yaml").read_text()
        (tmp_path / name / "trimtab.yaml").write_text(config.replace("{port: 0}", f"{{port: 0, name: {name}}}"))
        workspaces.append(find_workspace(tmp_path / name))
    with pytest.raises(UserError, match="no product can be served"):
        Products(workspaces)
