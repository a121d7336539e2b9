"""Measures reach other tools; a tool that fails or is missing never costs a run."""

import json
import logging
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from trimtab.records import Example, Message, UserError
from trimtab.train import SftConfig, train_sft
from trimtab.train.curves import writers as module
from trimtab.train.curves.writers import MLflow, TensorBoard, check_writers, open_writers, publish, write_parquet

BOTH = SftConfig(writers=("tensorboard", "mlflow"))
ROWS = [Example((Message("user", f"Is there {word}?"), Message("assistant", f"Yes, {word}."))) for word in "abcd"]


class Fake:
    """A Writer that may break."""

    def __init__(self, breaks_at: int = 99) -> None:
        self.steps: list[int] = []
        self.breaks_at = breaks_at
        self.closed = False

    def write(self, step: int, values: Mapping[str, float]) -> None:
        if step >= self.breaks_at:
            raise ConnectionError("nobody answers")
        self.steps.append(step)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Fake]:
    made = {"tensorboard": Fake(), "mlflow": Fake(breaks_at=1)}
    monkeypatch.setattr(module, "TensorBoard", lambda *_: made["tensorboard"])
    monkeypatch.setattr(module, "MLflow", lambda *_: made["mlflow"])
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    return made


def test_a_writer_that_fails_is_given_up_and_the_others_go_on(
    tmp_path: Path, fakes: dict[str, Fake], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), open_writers(BOTH, tmp_path, 0) as write:
        for step in range(3):
            write(step, {"loss": 1.0})
    assert fakes["tensorboard"].steps == [0, 1, 2]
    assert fakes["tensorboard"].closed
    assert fakes["mlflow"].steps == [0]
    assert [record.getMessage() for record in caplog.records] == ["the mlflow writer is given up: nobody answers"]


def test_a_run_writes_each_step_once(folder: Path, tmp_path: Path, fakes: dict[str, Fake]) -> None:
    config = SftConfig(rows_per_step=2, epochs=2, precision="float32", writers=("tensorboard",))
    report = train_sft(folder, ROWS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert fakes["tensorboard"].steps == list(range(report.steps)) == [0, 1, 2, 3]


def test_writers_do_not_make_another_run(folder: Path, tmp_path: Path, fakes: dict[str, Fake]) -> None:
    plain = SftConfig(rows_per_step=2, precision="float32")
    first = train_sft(folder, ROWS, plain, work=tmp_path / "work", out=tmp_path / "out")
    watched = plain.model_copy(update={"writers": ("tensorboard",)})
    assert train_sft(folder, ROWS, watched, work=tmp_path / "work", out=tmp_path / "out") == first
    assert fakes["tensorboard"].steps == []


def test_a_missing_package_is_said_before_anything_is_computed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"trimtab\[mlflow\]"):
        check_writers(["mlflow"])
    config = SftConfig(writers=("tensorboard",))
    with pytest.raises(UserError, match=r"trimtab\[tensorboard\]"):
        train_sft(folder, ROWS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_finished_run_leaves_a_page_a_table_and_its_configuration(folder: Path, tmp_path: Path) -> None:
    config = SftConfig(rows_per_step=2, precision="float32")
    train_sft(folder, ROWS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert "sft · 2 steps" in (tmp_path / "work" / "curves.html").read_text()
    assert SftConfig.model_validate_json((tmp_path / "work" / "config.json").read_text()) == config


def test_parquet_has_a_column_a_measure_and_null_where_a_step_has_none(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    lines = [{"step": 0, "loss": 2}, {"step": 1, "loss": 1.5, "monitor/kl": 0.1}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = parquet.read_table(write_parquet(tmp_path))
    assert table.to_pylist() == [{"step": 0, "loss": 2, "monitor/kl": None}, lines[1]]


def test_nothing_is_published_of_a_run_without_steps(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    publish(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_tensorboard_takes_back_what_a_killed_process_wrote_too_far(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, values in ((0, (3.0, 2.0, 9.0)), (2, (1.0,))):
        writer = TensorBoard(tmp_path, start)
        for place, value in enumerate(values):
            writer.write(start + place, {"step": float(start + place), "loss": value, "bad": math.nan})
        writer.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert events.Tags()["scalars"] == ["loss"]


class Tracking:
    """As much of MLflow's client as is used."""

    runs: dict[str, list[tuple[str, float, int]]] = {}  # noqa: RUF012

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return name

    def create_run(self, experiment: str, run_name: str) -> Any:
        self.runs[f"{experiment}/{run_name}/{len(self.runs)}"] = []
        return SimpleNamespace(info=SimpleNamespace(run_id=list(self.runs)[-1]))

    def log_param(self, run: str, key: str, value: str) -> None:
        assert isinstance(value, str)

    def log_batch(self, run: str, metrics: list[Any]) -> None:
        self.runs[run] += [(point.key, point.value, point.step) for point in metrics]

    def set_terminated(self, run: str) -> None:
        assert run in self.runs


def test_mlflow_goes_on_in_the_run_that_a_killed_process_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    package.__dict__.update(MlflowClient=Tracking, entities=entities)
    entities.__dict__["Metric"] = lambda key, value, now, step: SimpleNamespace(key=key, value=value, step=step)
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(Tracking, "runs", {})
    for step in (0, 1):
        writer = MLflow(tmp_path / "run.txt", SftConfig())
        writer.write(step, {"step": float(step), "loss": 2.0 - step, "bad": math.inf})
        writer.close()
    assert Tracking.runs == {"trimtab/sft/0": [("loss", 2.0, 0), ("loss", 1.0, 1)]}
