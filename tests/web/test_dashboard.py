"""The dashboard shows what drives the verdict, and its switch turns only for the right token from the right page."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from trimtab.loop.canary import CanaryConfig, CanaryState, Decision, Request, decide, observe, rates
from trimtab.loop.status import CanaryStatus, SignalRow, Status
from trimtab.records import Behaviour, Release, UserError
from trimtab.stats import wilson
from trimtab.web import create_dashboard
from trimtab.web.view import page

CONFIG = CanaryConfig()
RELEASE = Release(
    Behaviour("m" * 64, "t", "be brief"),
    scorecard={"metrics": {"action_accuracy": {"value": 0.8, "n": 50, "ci_low": 0.7, "ci_high": 0.9}}},
    gate={"verdict": "passed", "checks": [{"name": "action", "kind": "superiority", "passed": True, "reason": "+0.3"}]},
)


def canary_status(complaints: int) -> CanaryStatus:
    state = CanaryState(RELEASE.digest, "old")
    for number in range(40):
        raised = frozenset({"complaint"}) if number < complaints else frozenset()
        state = observe(state, Request("canary", 0.1, raised=raised), CONFIG)
    rows = []
    for signal, arms in rates(state).items():
        for arm, (events, requests) in arms.items():
            at = wilson(events, requests) if requests else None
            low, high = (at.low, at.high) if at else (0.0, 1.0)
            rate = events / requests if requests else 0.0
            rows.append(SignalRow(signal, arm, events, requests, rate, low, high, CONFIG.caps[signal]))
    return CanaryStatus(RELEASE.digest, "old", 0.1, "running", decide(state, CONFIG), dict(state.requests), tuple(rows))


def status(canary: CanaryStatus | None = None) -> Status:
    return Status({"candidate": RELEASE.digest, "rollback": "old"}, (RELEASE,), canary, {"sft": 3}, 40)


def client(now: Status, rollback: Callable[[str | None], str] = lambda which: "old") -> TestClient:
    return TestClient(create_dashboard(lambda: now, rollback, "secret"), base_url="http://dashboard.test")


def test_the_page_says_roll_back_and_why() -> None:
    text = client(status(canary_status(complaints=30))).get("/").text
    assert ">roll back</strong>" in text
    assert "complaint: more often than on stable" in text
    assert "30 of 40" in text


def test_a_canary_with_little_evidence_is_paused() -> None:
    text = client(status(canary_status(complaints=0))).get("/").text
    assert ">pause</strong>" in text or ">push</strong>" in text


def test_releases_show_scorecard_gate_and_aliases() -> None:
    text = client(status()).get("/").text
    assert RELEASE.digest[:12] in text
    assert "0.800 [0.700, 0.900]" in text
    assert "candidate" in text


def test_nothing_is_loaded_from_outside() -> None:
    answer = client(status()).get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    assert "<script" not in answer.text


ORIGIN = {"origin": "http://dashboard.test"}


def test_the_switch_needs_the_token() -> None:
    turned: list[str | None] = []

    def rollback(which: str | None) -> str:
        turned.append(which)
        return "old"

    app = client(status(), rollback)
    assert app.post("/rollback", data={"token": "wrong"}, headers=ORIGIN).status_code == 403
    assert turned == []
    done = app.post("/rollback", data={"token": "secret", "release": "abcd"}, headers=ORIGIN, follow_redirects=False)
    assert done.status_code == 303
    assert turned == ["abcd"]


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.test"}, {"origin": "null"}])
def test_the_switch_refuses_other_pages(headers: dict[str, str]) -> None:
    def never(which: str | None) -> str:
        raise AssertionError("must not be called")

    assert client(status(), never).post("/rollback", data={"token": "secret"}, headers=headers).status_code == 403


def test_a_rollback_that_cannot_be_done_says_why() -> None:
    def refuse(which: str | None) -> str:
        raise UserError("there is nothing to go back to")

    answer = client(status(), refuse).post("/rollback", data={"token": "secret"}, headers=ORIGIN)
    assert answer.status_code == 409
    assert "there is nothing to go back to" in answer.text


def test_an_ended_canary_keeps_what_ended_it() -> None:
    ended = CanaryStatus("new", "old", 0.0, "rolled_back", Decision("pause", ("complaint: e = 400",)), {}, ())
    view = page(status(ended))
    assert view.verdict == "roll back"
    assert view.drivers == ("complaint: e = 400",)


def test_text_from_a_release_cannot_become_markup() -> None:
    hostile = Release(Behaviour("m", "t", ""), gate={"verdict": "<b>x</b>", "checks": []})
    assert "<b>x</b>" not in client(Status({}, (hostile,), None, {}, 0)).get("/").text
