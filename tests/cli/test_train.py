"""Training from the command line: files in, a model out, and every mistake named by file, line and field."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
from tests.cli.test_main import code, imported

from trimtab.cli.train import arguments_of, rm, sft
from trimtab.cli.training.inputs import CONFIGS
from trimtab.cli.training.report import _measures
from trimtab.cli.training.rewards import parse_rewards
from trimtab.model import tiny_random_model
from trimtab.records import UserError

WORDS = ("tea", "cups", "rice", "salt", "soap", "yarn")
CHATS = [
    {"messages": [{"role": "user", "content": f"Is there {word}?"}, {"role": "assistant", "content": f"Yes, {word}."}]}
    for word in WORDS
]
PAIRS = [{"prompt": f"Is there {word}?", "chosen": f"Yes, {word}.", "rejected": "No!"} for word in WORDS]
THUMBS = [
    {"prompt": f"Is there {word}?", "completion": f"Yes, {word}.", "label": place % 2 == 0}
    for place, word in enumerate(WORDS)
]
QUICK = ("--set", "rows_per_step=3", "--set", "precision=float32")


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_random_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that must be mended says."""
    assert code("train", *arguments) == 2
    return capsys.readouterr().err


def test_help_and_curves_import_nothing_heavy(here: Path) -> None:
    line = {"step": 0, "loss": 1.0, "learning_rate": 1e-4, "grad_norm": 1.0}
    written(here / "metrics.jsonl", [line | {"tokens_real": 9, "tokens_processed": 9, "seconds": 1.0}])
    assert imported("train", "sft", "--help") == set()
    assert imported("train", "curves", str(here)) == set()
    assert (here / "curves.html").is_file()


@pytest.mark.parametrize("name", ["sft", "dpo", "kto", "rm", "rl"])
def test_each_method_goes_from_files_to_a_model(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    known: dict[str, list[dict[str, Any]]] = {"dpo": PAIRS, "rm": PAIRS, "kto": THUMBS}
    rows = known.get(name, CHATS)
    more = ("--set", "max_new_tokens=4", "--set", "group=2", "--reward", "format=1") if name == "rl" else ()
    command = ("train", name, written(here / "rows.jsonl", rows), "--model", tiny, "--out", "out", *QUICK, *more)
    assert code(*command, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == {"rm": "reward"}.get(name, name)
    assert told["steps"] == len(told["losses"]) > 0
    assert (here / "out" / "config.json").is_file()
    for made in ("log", "curves"):
        assert Path(told[made]).is_file()
    assert code(*command, "--json") == 0
    assert json.loads(capsys.readouterr().out) == told


def test_the_closing_table_says_what_happened(here: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = written(here / "rows.jsonl", CHATS)
    assert code("train", "sft", "--data", data, "--model", tiny, "--out", "out", *QUICK) == 0
    captured = capsys.readouterr()
    for words in ("2 over 6 rows", "at first", "tokens/s", "out.work/metrics.jsonl", "out.work/curves.html"):
        assert words in captured.out
    assert captured.err == ""
    assert code("train", "curves", "out") == 0
    assert capsys.readouterr().out == "out.work/curves.html\n"


def test_a_dropped_row_is_named_by_its_place_in_the_file(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {"messages": [CHATS[0]["messages"][0], {"role": "assistant", "content": "word " * 200}]}
    data = written(here / "rows.jsonl", [*CHATS[:2], long, *CHATS[2:]])
    command = ("sft", data, "--model", tiny, "--out", "out", *QUICK, "--set", "max_tokens=100")
    assert "rows.jsonl:3: " in refused(capsys, *command)
    assert code("train", *command, "--set", "bad_rows=drop") == 0
    said = capsys.readouterr().out
    assert "1 rows" in said
    assert f"dropped {data}:3 (" in said


def test_rows_of_another_kind_are_refused_with_the_command_that_learns_from_them(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "dpo", written(here / "chats.jsonl", CHATS), "--model", tiny, "--out", "out")
    assert "chats.jsonl:1: a chat" in said
    assert "`trimtab train sft` does" in said


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("beta=-1", "field 'beta'"),
        ("betta=1", "field 'betta'"),
        ("method=kto", "field 'method'"),
        ("lora.rank=0", "field 'lora.rank'"),
    ],
)
def test_a_wrong_setting_is_named(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str], setting: str, words: str
) -> None:
    data = written(here / "pairs.jsonl", PAIRS)
    assert words in refused(capsys, "dpo", data, "--model", tiny, "--out", "out", "--set", setting)


def test_a_file_of_settings_is_read_and_its_mistakes_have_lines(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = written(here / "rows.jsonl", CHATS), here / "settings.yaml"
    file.write_text("rows_per_step: 2\nepochs: 3\n")
    asked = ("sft", data, "--model", tiny, "--out", "out", "--config", str(file))
    assert code("train", *asked, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 9
    file.write_text("rows_per_step: 2\nepochs: 0\n")
    assert "settings.yaml:2, field 'epochs'" in refused(capsys, *asked)


def test_a_workspace_gives_model_and_settings(here: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "trimtab.yaml").write_text(
        f"model: {tiny}\ndata: {{sources: []}}\ntrain: {{sft: {{rows_per_step: 2, lora: {{rank: 4}}}}}}\n"
    )
    asked = ("train", "sft", written(here / "rows.jsonl", CHATS), "--out", "out", "--dry-run", "--json")
    assert code(*asked) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3
    assert code(*asked, "--set", "rows_per_step=6") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 1


def test_rows_are_dressed_as_the_workspaces_turn_dresses_them(
    here: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no workspace" in refused(
        capsys, "sft", written(here / "rows.jsonl", CHATS), "--model", tiny, "--out", "o", "--dress"
    )
    assert code("init", "shop") == 0
    capsys.readouterr()
    tokens = []
    for more in ((), ("--dress",)):
        os.chdir(here / "shop")
        settings = ("--set", "max_tokens=9999", "--dry-run", "--json")
        assert code("train", "sft", "../rows.jsonl", "--model", tiny, "--out", "o", *settings, *more) == 0
        tokens.append(json.loads(capsys.readouterr().out)["tokens"])
    assert tokens[1] > 5 * tokens[0]


def test_a_dry_run_counts_as_the_run_does(here: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("train", "dpo", written(here / "pairs.jsonl", PAIRS), "--model", tiny, "--out", "out", *QUICK, "--json")
    assert code(*command, "--dry-run") == 0
    planned = json.loads(capsys.readouterr().out)
    assert not (here / "out").exists()
    assert code(*command) == 0
    done = json.loads(capsys.readouterr().out)
    assert planned["steps"] == done["steps"]
    assert planned["tokens"] == done["tokens_real"]
    assert planned["processed"] == pytest.approx(done["tokens_processed"], rel=0.05)


def test_a_larger_limit_keeps_the_rows_of_a_smaller_one(here: Path, tiny: str) -> None:
    from trimtab.cli.training.inputs import Given, inputs

    written(here / "a.jsonl", CHATS[:3])
    written(here / "b.jsonl", CHATS[3:])
    kept = [
        {row.id for row in inputs("sft", Given((Path("a.jsonl"), Path("b.jsonl")), tiny, limit=limit)).rows}
        for limit in (1, 3, 5, 99)
    ]
    assert [len(ids) for ids in kept] == [1, 3, 5, 6]
    assert all(small < large for small, large in pairwise(kept))


def test_rewards_are_read_from_one_option_or_several() -> None:
    assert parse_rewards(["route=1,format=0.2", "model:some/folder=0.5"]) == {
        "route": 1.0,
        "format": 0.2,
        "model:some/folder": 0.5,
    }
    assert parse_rewards(["grounded"]) == {"grounded": 1.0}
    assert parse_rewards([], {"spans": 2.0}) == {"spans": 2.0}
    assert parse_rewards([]) == {"route": 1.0, "format": 0.2}


@pytest.mark.parametrize("option", ["rout=1", "route=much", "model:=1", "route=nan", ""])
def test_a_reward_that_is_none_is_refused(option: str) -> None:
    with pytest.raises(UserError, match="reward"):
        parse_rewards([option])


def test_several_processes_are_asked_what_one_was() -> None:
    line = [
        "a.jsonl",
        "--model",
        "m",
        "--set",
        "seed=1",
        "--set",
        "lora.rank=4",
        "--out",
        "o",
        "--nproc",
        "2",
        "--quiet",
    ]
    context = sft.make_context("sft", list(line))
    again = arguments_of(context)
    assert "--nproc" not in again
    assert sft.make_context("sft", again).params == context.params | {"nproc": 1}
    held = rm.make_context("rm", ["a.jsonl", "--out", "o", "--held-out", "0.3"])
    assert arguments_of(held)[-4:] == ["--held-out", "0.3", "--", "a.jsonl"]


def test_a_measure_has_its_interval_behind_it() -> None:
    metrics = {"reward_accuracy": 0.8, "reward_accuracy_low": 0.6, "reward_accuracy_high": 0.9, "cut_low": 1.0}
    assert _measures(metrics) == [("cut_low", "1"), ("reward_accuracy", "0.8 [0.6, 0.9]")]


def test_every_method_has_a_command_and_a_configuration() -> None:
    from trimtab.cli.train import train

    assert isinstance(train, click.Group)
    assert {"rm" if name == "reward" else name for name in CONFIGS} == set(train.commands) - {"curves"}
