"""The data commands as a person runs them: in, out, through the door, with a page and one JSON document."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.cli import main

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 2}}}
PLAIN = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
CALLS = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}]}
PAIR = {"prompt": "2+2?", "chosen": "4", "rejected": "5"}


def code(*arguments: Any) -> int:
    """The exit status of a command."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_an_import_says_where_each_row_came_from_and_what_was_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licensed = {**PLAIN, "license": "CC0", "source": "wiki", "labels": {"difficulty": "hard"}}
    write(tmp_path / "in/a.jsonl", licensed, *[PLAIN] * 3, {"messages": "no"})
    target, page, drops = tmp_path / "out.jsonl", tmp_path / "report.html", tmp_path / "drops.jsonl"
    options = ["--to", target, "--skip-bad", "--html", page, "--drops", drops, "--json"]
    assert code("data", "import", tmp_path / "in", *options) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["read"], report["rows"], report["drops"]["by_reason"]) == (5, 4, {"malformed": 1})
    assert report["by_license"] == {"CC0": 1, "none": 3}
    assert report["by_difficulty"] == {"hard": 1, "none": 3}
    assert report["by_format"] == {"messages": 4}
    about = read(target)[0]["provenance"]
    assert (about["license"], about["origin"], about["line"]) == ("CC0", "wiki", 1)
    assert read(drops) == report["drops"]["rows"]
    assert "a.jsonl:5" in page.read_text("utf-8")


@pytest.mark.parametrize("command", ["import", "export"])
def test_a_file_is_not_written_over_what_it_is_made_of(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in/a.jsonl", PLAIN)
    before = write(tmp_path / "in/all.jsonl", PLAIN).read_bytes()
    assert code("data", command, tmp_path / "in", "--to", tmp_path / "in/all.jsonl") == 2
    assert "one of those to read" in capsys.readouterr().err
    assert (tmp_path / "in/all.jsonl").read_bytes() == before


def test_a_column_that_nobody_reads_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.jsonl", {**PLAIN, "score": 4, "id": "x"})
    assert code("data", "import", tmp_path / "a.jsonl", "--to", tmp_path / "out.jsonl") == 0
    assert "not read: score, id" in capsys.readouterr().out


def test_rows_of_several_kinds_are_written_and_read_again_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in/a.jsonl", PLAIN)
    write(tmp_path / "in/b.jsonl", PAIR)
    out = tmp_path / "out.jsonl"
    assert code("data", "import", tmp_path / "in", "--to", out) == 0
    assert "format: native" in capsys.readouterr().out
    assert code("data", "import", out, "--to", tmp_path / "no.jsonl") == 2
    assert code("data", "import", out, "--to", tmp_path / "again.jsonl", "--format", "native") == 0
    assert [row["provenance"]["origin"] for row in read(tmp_path / "again.jsonl")] == [
        f"{tmp_path}/in/a.jsonl:1",
        f"{tmp_path}/in/b.jsonl:1",
    ]


def test_an_export_refuses_what_the_format_cannot_hold_with_the_rows_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write(tmp_path / "a.jsonl", PLAIN, CALLS), tmp_path / "out.jsonl"
    assert code("data", "export", source, "--to", target, "--format", "alpaca") == 2
    said = capsys.readouterr().err
    assert f"{source}:2" in said
    assert "a tool call" in said
    assert not target.exists()


def test_a_lossy_export_lists_every_loss_and_writes_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled = {**PLAIN, "labels": {"domain": "sums"}, "rejected": [[{"role": "assistant", "content": "5"}]]}
    source = write(tmp_path / "a.jsonl", labelled, CALLS)
    target = tmp_path / "out.csv"
    arguments = ["data", "export", source, "--to", target, "--format", "prompt_completion", "--lossy", "--json"]
    assert code(*arguments) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["read"], done["written"]) == (2, 1)
    assert [(row["line"], row["whole"]) for row in done["lost"]["rows"]] == [(1, False), (2, True)]
    with target.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["prompt"], row["completion"], json.loads(row["labels"])) == ("2+2?", "4", {"domain": "sums"})


def test_openai_gets_arguments_as_text_and_an_id_for_every_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {"role": "tool", "content": "4"}
    bare = {"function": CALL["function"]}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [bare]}, result]
    source = write(tmp_path / "a.jsonl", {"messages": [*turns, {"role": "assistant", "content": "4"}]})
    target = tmp_path / "out.jsonl"
    assert code("data", "export", source, "--to", target, "--format", "openai", "--lossy") == 0
    assert "given one" in capsys.readouterr().out
    messages = read(target)[0]["messages"]
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"a": 2}'
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"] != ""


@pytest.mark.parametrize(("form", "name"), [("openai", "a.csv"), ("native", "a.parquet"), ("messages", "a.txt")])
def test_a_file_that_cannot_hold_a_format_is_refused_before_anything_is_read(
    form: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "in.jsonl", PLAIN)
    assert code("data", "export", source, "--to", tmp_path / name, "--format", form) == 2
    assert name in capsys.readouterr().err


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "support"
    assert code("init", folder) == 0
    return folder


def test_the_door_alone_writes_what_a_turn_would_learn_and_has_then_nothing_to_do(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from trimtab.loop.steps import data as steps

    assert code("curate", "-w", workspace, "--to", tmp_path / "out", "--json", "--html", tmp_path / "page.html") == 0
    report = json.loads(capsys.readouterr().out)
    assert len(read(tmp_path / "out/examples.jsonl")) == report["kept"]["examples"] > 500
    assert len(read(tmp_path / "out/comparisons.jsonl")) == report["kept"]["comparisons"] == 160
    assert json.loads((tmp_path / "out/report.json").read_text())["by_action"] == report["by_action"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "import_sources", None)
        patch.setattr(steps, "curate", None)
        assert code("curate", "-w", workspace, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == report["rows"]


def test_check_and_stats_write_their_page(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "stats"):
        assert code("data", command, "-w", workspace, "--html", tmp_path / f"{command}.html") == 0
        assert "By difficulty" in (tmp_path / f"{command}.html").read_text("utf-8")
    assert "by difficulty" in capsys.readouterr().out


def test_a_folder_is_a_source_of_a_workspace_and_a_change_in_it_is_seen(workspace: Path) -> None:
    from trimtab.cli.common import open_workspace
    from trimtab.loop.steps.data import source_files

    write(workspace / "more/deep/a.jsonl", PLAIN)
    found = open_workspace(workspace, ("data.sources=[{path: more}]",))
    before = source_files(found)
    assert [Path(name).name for name in before if "more" in name] == ["a.jsonl"]
    write(workspace / "more/deep/a.jsonl", PLAIN, PLAIN)
    assert source_files(found) != before
