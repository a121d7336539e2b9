"""`keys`: a key is printed once, limits are changed and shown, and mistakes are named."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_main import code, imported

from trimtab.serve.tenants import hash_of
from trimtab.store import Spend, Store, Written


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("keys") / "support"
    assert code("init", str(folder)) == 0
    return (folder / "trimtab.yaml").read_text()


@pytest.fixture
def workspace(template: str, tmp_path: Path) -> Path:
    (tmp_path / "trimtab.yaml").write_text(template)
    return tmp_path


@pytest.fixture
def run(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """``run("create", "acme", …)``: the JSON document that the command prints."""

    def run(*arguments: str) -> Any:
        capsys.readouterr()
        assert code("keys", *arguments, "--json", "-w", str(workspace)) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_a_key_is_printed_once_and_only_its_hash_is_kept(run: Any, workspace: Path) -> None:
    made = run("create", "acme", "--expires", "30d")
    with Store.open(workspace / ".trimtab") as store:
        (kept,) = store.tenants.list_keys()
    assert kept.hash == hash_of(made["key"])
    assert made["key"].startswith(kept.prefix)
    assert kept.expires == pytest.approx(kept.created + 30 * 86400)
    (listed,) = run("list")
    assert (listed["prefix"], listed["state"]) == (kept.prefix, "active")
    assert made["key"] not in json.dumps(listed)


def test_limits_given_change_and_the_others_stay(run: Any) -> None:
    run("create", "acme", "--models", "trimtab, trimtab@*", "--daily-dollars", "2.5", "--parallel", "4")
    run("create", "acme", "--requests-per-minute", "60")
    shown = run("set", "acme", "--parallel", "none", "--tokens-per-minute", "1000")
    assert shown == run("show", "acme")
    assert shown["limits"] == {
        "models": ["trimtab", "trimtab@*"],
        "requests_per_minute": 60,
        "tokens_per_minute": 1000,
        "parallel": None,
        "daily_dollars": 2.5,
        "monthly_dollars": None,
    }
    assert len(shown["keys"]) == 2


def test_spend_so_far_is_shown_by_day_and_month(run: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.cli.keys._now", lambda: 1798718400.0)  # 2026-12-31T12:00:00Z
    run("create", "acme")
    with Store.open(workspace / ".trimtab") as store:
        for day in ("2026-11-30", "2026-12-01", "2026-12-31"):
            store.spending.write("gateway", [Written("acme", day, Spend(0.5, 2, 30), 0.0)], time=0.0)
    assert run("show", "acme")["spent"] == {
        "today": {"dollars": 0.5, "requests": 2, "tokens": 30},
        "month": {"dollars": 1.0, "requests": 4, "tokens": 60},
    }


def test_a_prefix_ends_one_key_and_a_tenant_all_of_them(run: Any) -> None:
    first = run("create", "acme")["prefix"]
    run("create", "acme")
    assert run("revoke", first)["revoked"] == 1
    assert [row["state"] for row in run("list")] == ["revoked", "active"]
    assert run("revoke", "acme")["revoked"] == 1
    assert [row["state"] for row in run("list")] == ["revoked", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "a/b"), "no tenant's name"),
        (("create", "acme", "--parallel", "0"), "parallel"),
        (("create", "acme", "--parallel", "many"), "--parallel"),
        (("create", "acme", "--daily-dollars", "-1"), "daily_dollars"),
        (("create", "acme", "--daily-dollars", "nan"), "daily_dollars"),
        (("create", "acme", "--models", ","), "names no model"),
        (("create", "acme", "--expires", "soon"), "30d"),
        (("create", "acme", "--expires", "2020-01-01"), "past"),
        (("show", "nobody"), "no tenant 'nobody'"),
        (("set", "nobody", "--parallel", "1"), "no tenant 'nobody'"),
        (("revoke", "nobody"), "no key or tenant"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert code("keys", *arguments, "-w", str(workspace)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    with Store.open(workspace / ".trimtab") as store:
        assert (store.tenants.list_keys(), store.tenants.get("acme")) == ([], None)


def test_a_prefix_of_several_keys_is_refused(run: Any, workspace: Path) -> None:
    run("create", "acme")
    run("create", "other")
    assert code("keys", "revoke", "tt-", "-w", str(workspace)) == 2
    assert {row["state"] for row in run("list")} == {"active"}


def test_keys_import_nothing_heavy(workspace: Path) -> None:
    assert imported("keys", "create", "acme", "-w", str(workspace)) == set()


def test_people_read_lines(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("keys", "list", "-w", str(workspace)) == 0
    assert "no keys" in capsys.readouterr().out
    assert code("keys", "create", "acme", "-w", str(workspace)) == 0
    key = capsys.readouterr().out.strip()
    assert code("keys", "show", "acme", "-w", str(workspace)) == 0
    assert key[:11] in capsys.readouterr().out
    assert code("keys", "revoke", key, "-w", str(workspace)) == 0
    assert "revoked 1" in capsys.readouterr().out


def test_serving_to_other_machines_needs_keys_or_a_word(
    workspace: Path, capsys: pytest.CaptureFixture[str], run: Any
) -> None:
    serve = ("serve", "--host", "0.0.0.0", "--port", "0", "-w", str(workspace))
    assert code(*serve) == 2
    assert "trimtab keys create TENANT" in capsys.readouterr().err
    assert code(*serve, "--insecure") == 2
    assert "nothing is released yet" in capsys.readouterr().err, "the word lets it go on to the next check"
    run("create", "acme")
    assert code(*serve) == 2
    assert "nothing is released yet" in capsys.readouterr().err
