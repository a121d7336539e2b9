"""Where a run's measures go beside its log: TensorBoard and MLflow step by step, Parquet and a page at the end."""

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from trimtab.records import UserError, write_bytes
from trimtab.train.config import TrainConfig, WriterName
from trimtab.train.curves.panels import LOG, write_curves
from trimtab.train.processes.world import world

PARQUET = "metrics.parquet"
_RUN = "mlflow_run.txt"
_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Takes what each optimiser step measured."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """``step`` counts from 0; ``values`` is the log's line."""

    def close(self) -> None:
        """Whatever is on its way is written."""


class TensorBoard:
    """Event files in ``folder``; steps from ``start`` on that an earlier, killed process wrote are taken back."""

    def __init__(self, folder: Path, start: int) -> None:
        check_writers(["tensorboard"])
        self._writer: Any = import_module("torch.utils.tensorboard").SummaryWriter(str(folder), purge_step=start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in _measures(values).items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class MLflow:
    """One MLflow run, found again by the id in ``file``; the server and experiment are MLflow's own settings."""

    def __init__(self, file: Path, config: TrainConfig) -> None:
        check_writers(["mlflow"])
        self._client: Any = import_module("mlflow").MlflowClient()
        self._run = file.read_text("utf-8").strip() if file.is_file() else self._begun(file, config)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        point, now = import_module("mlflow.entities").Metric, int(time.time() * 1000)
        points = [point(name, value, now, step) for name, value in _measures(values).items()]
        self._client.log_batch(self._run, metrics=points)

    def close(self) -> None:
        self._client.set_terminated(self._run)

    def _begun(self, file: Path, config: TrainConfig) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "trimtab")
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known is not None else self._client.create_experiment(name)
        run = str(self._client.create_run(experiment, run_name=config.method).info.run_id)
        for key, value in config.model_dump(mode="json").items():
            self._client.log_param(run, key, json.dumps(value))
        write_bytes(file, run.encode())
        return run


@contextmanager
def open_writers(config: TrainConfig, work: Path, start: int) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """What the loop calls with each line, for the writers that the configuration names. Raises UserError.

    A writer that fails later on is closed and said so once: a tracking server that is down must not end a run.
    """
    made: Mapping[WriterName, Callable[[], Writer]] = {
        "tensorboard": lambda: TensorBoard(work / "tensorboard", start),
        "mlflow": lambda: MLflow(work / _RUN, config),
    }
    writers = {name: made[name]() for name in config.writers if world().leads}
    try:
        yield lambda step, values: _write(writers, step, values)
    finally:
        for name in list(writers):
            _guarded(writers, name, lambda writer: writer.close())


def _write(writers: dict[WriterName, Writer], step: int, values: Mapping[str, float]) -> None:
    for name in list(writers):
        _guarded(writers, name, lambda writer: writer.write(step, values))


def _guarded(writers: dict[WriterName, Writer], name: WriterName, do: Callable[[Writer], None]) -> None:
    """The boundary behind which a writer may fail: it is dropped, and the run goes on."""
    try:
        do(writers[name])
    except Exception as error:
        _log.warning("the %s writer is given up: %s", name, error)
        del writers[name]


def check_writers(names: Sequence[str]) -> None:
    """Raises UserError where a named writer's package is not installed: known before anything is computed."""
    for name in names:
        if find_spec(name) is None:
            raise _absent(name)


def publish(work: Path) -> None:
    """The log as a page of curves, and as Parquet where pyarrow is installed."""
    if not (work / LOG).is_file() or not (work / LOG).stat().st_size:
        return
    write_curves(work)
    if find_spec("pyarrow") is not None:
        write_parquet(work)


def write_parquet(work: Path) -> Path:
    """``metrics.parquet`` beside the log: a column a measure, null where a step has none. Raises UserError."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise _absent("parquet") from error
    lines = [json.loads(line) for line in (work / LOG).read_text("utf-8").splitlines()]
    names = dict.fromkeys(name for line in lines for name in line)
    table = arrow.table({name: [_number(line.get(name)) for line in lines] for name in names})
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink)
    write_bytes(work / PARQUET, sink.getvalue().to_pybytes())
    return work / PARQUET


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _measures(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != "step" and math.isfinite(value)}


def _absent(extra: str) -> UserError:
    return UserError(
        f"{extra} is not installed", field="writers", expected="its package", fix=f"pip install 'trimtab[{extra}]'"
    )
