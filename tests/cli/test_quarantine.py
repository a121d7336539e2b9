"""`trimtab quarantine`: seal, check, status, looks and rotate, from a plain workspace on."""

import json
from pathlib import Path

import pytest
from tests.loop.conftest import case, chat, write_tiny

from trimtab.cli import main
from trimtab.records import write_jsonl

CONFIG = 'cases: {reserved: ["quarantine/spare.jsonl"], worn_after: 3}\n'
ROW = "Name one animal with a TEAL coat; please!"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = write_tiny(tmp_path / "w", tmp_path / "no-model")
    with (root / "trimtab.yaml").open("a") as file:
        file.write(CONFIG)
    write_jsonl(root / "quarantine/spare.jsonl", [case("How deep is the old well behind the mill?")])
    write_jsonl(
        tmp_path / "rows.jsonl", [chat("What goes with oak?", "Red."), chat(ROW, "A fox."), chat("Is it late?", "No.")]
    )
    return root


def code(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_open_cases_are_named_with_the_command_that_seals_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (("status",), ("doctor",), ("quarantine", "status"), ("data", "check")):
        code(*command, "-w", str(folder))
        said = told(capsys)
        assert "quarantine/sealed.jsonl, quarantine/spare.jsonl: not sealed" in said
        assert "trimtab quarantine seal" in said
    assert code("quarantine", "seal", "-w", str(folder)) == 0
    assert "keep a copy" in told(capsys)
    for command in (("status",), ("doctor",), ("quarantine", "status"), ("data", "check")):
        code(*command, "-w", str(folder))
        assert "not sealed" not in told(capsys)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("words", [("quarantine", "check"), ("quarantine",)])
def test_rows_are_checked_and_a_hit_names_row_and_case(
    folder: Path, capsys: pytest.CaptureFixture[str], sealed: bool, words: tuple[str, ...]
) -> None:
    if sealed:
        code("quarantine", "seal", "-w", str(folder))
        told(capsys)
    rows = folder.parent / "rows.jsonl"
    assert code(*words, str(rows), "-w", str(folder)) == 1
    said = told(capsys)
    assert f"{rows}:2: exact match with sealed case" in said
    assert "quarantine/sealed.jsonl:" in said
    assert said.startswith("1 rows of")
    write_jsonl(rows, [chat("What goes with oak?", "Red.")])
    assert code(*words, str(rows), "-w", str(folder), "--json") == 0
    assert json.loads(told(capsys))["hits"] == []


def test_looks_and_rotation_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("quarantine", "seal", "quarantine/sealed.jsonl", "-w", str(folder), "--json") == 0
    assert json.loads(told(capsys))["sealed"] == ["quarantine/sealed.jsonl"]
    code("quarantine", "check", str(folder.parent / "rows.jsonl"), "-w", str(folder))
    told(capsys)
    assert code("quarantine", "-w", str(folder)) == 0
    assert "check" in told(capsys)
    assert code("quarantine", "rotate", "-w", str(folder), "--json") == 0
    assert json.loads(told(capsys)) == {"retired": ["quarantine/sealed.jsonl"], "active": ["quarantine/spare.jsonl"]}
    assert code("quarantine", "status", "-w", str(folder), "--json") == 0
    shards = {one["path"]: one for one in json.loads(told(capsys))}
    assert shards["quarantine/sealed.jsonl"]["role"] == "retired"
    assert shards["quarantine/sealed.jsonl"]["sealed"]
    assert shards["quarantine/spare.jsonl"]["role"] == "active"
    assert shards["quarantine/spare.jsonl"]["looks"] == 0
    assert code("quarantine", "rotate", "-w", str(folder)) == 2
    assert "cases.reserved" in capsys.readouterr().err


def test_a_file_that_is_no_shard_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("quarantine", "seal", str(folder / "data/sft.jsonl"), "-w", str(folder)) == 2
    assert "no shard of this workspace" in capsys.readouterr().err
    assert (folder / "data/sft.jsonl").exists()
