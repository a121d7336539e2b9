"""The processes of a run: each says where it listens, and ends by its id whatever happens."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.lockstep import ROOT

KEY = "sk-benchmark"
_READY_SECONDS = 90.0
_END_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server under way: its address, its process, and the keys of its tenants."""

    url: str
    pid: int
    keys: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def own_server(name: str, module: str, job: Mapping[str, Any], folder: Path) -> Iterator[Server]:
    """A server of ours (``mock`` or ``ours``): a module that says its URL on standard output once it listens."""
    file = folder / f"{name}.job.json"
    file.write_text(json.dumps(dict(job)), encoding="utf-8")
    command = [sys.executable, "-m", module, str(file)]
    with _running(name, command, folder, {"OMP_NUM_THREADS": "1"}, subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{name} did not start; the end of its log:\n{_tail(folder / f'{name}.log')}")
        said = json.loads(line)
        yield Server(said["url"], process.pid, said.get("keys", {}))


@contextmanager
def litellm_server(python: Path, upstream: str, folder: Path) -> Iterator[Server]:
    """LiteLLM's proxy before ``upstream`` as its production page sets it: one worker, no database, no debug logs."""
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(_litellm_config(upstream)), encoding="utf-8")
    port = _free_port()
    command = [str(python.with_name("litellm")), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    environment = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _running("litellm", command, folder, environment, subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_until_alive(f"{url}/health/liveliness", process, folder / "litellm.log")
        yield Server(url, process.pid)


def _litellm_config(upstream: str) -> dict[str, Any]:
    """JSON is YAML."""
    from benchmarks.gateway.workload import MODEL

    model = {"model": f"openai/{MODEL}", "api_base": f"{upstream}/v1", "api_key": "none"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"master_key": KEY, "disable_spend_logs": True, "disable_error_logs": True},
        "litellm_settings": {"set_verbose": False, "json_logs": False, "num_retries": 0, "request_timeout": 30},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


@contextmanager
def _running(
    name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str], stdout: int
) -> Iterator[subprocess.Popen[str]]:
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _wait_until_alive(url: str, process: "subprocess.Popen[str]", log: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2.0):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise RuntimeError(f"the peer did not start; the end of its log:\n{_tail(log)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
