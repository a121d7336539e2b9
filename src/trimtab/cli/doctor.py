"""`doctor`: what this machine, this installation and this workspace can and cannot do."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from trimtab.cli.common import emit, json_option, say
from trimtab.cli.main import EXIT_NO
from trimtab.records.errors import UserError

_GB = 1e9
_NEEDED_DISK_GB, _NEEDED_MEMORY_GB = 6.0, 6.0


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: Literal["ok", "note", "problem"]
    text: str


@click.command()
@click.option("-w", "--workspace", type=click.Path(path_type=Path, file_okay=False), default=Path())
@json_option
def doctor(workspace: Path, as_json: bool) -> None:
    """Check this machine, the model and the workspace; exit 1 where something would stop a run."""
    findings = [*_machine(), *_packages(), *_workspace(workspace)]
    if as_json:
        emit([{"name": item.name, "state": item.state, "text": item.text} for item in findings])
    else:
        marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
        for item in findings:
            say(f"{marks[item.state]}  {item.name:<10} {item.text}")
    if any(item.state == "problem" for item in findings):
        raise click.exceptions.Exit(EXIT_NO)


def _machine() -> Iterator[Finding]:
    import psutil

    version = platform.python_version()
    known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", "ok" if known else "problem", f"{version} (3.11 to 3.13 are supported)")
    free = shutil.disk_usage(Path.home()).free / _GB
    yield Finding("disk", "ok" if free > _NEEDED_DISK_GB else "problem", f"{free:.0f} GB free in the home folder")
    memory = psutil.virtual_memory().available / _GB
    yield Finding("memory", "ok" if memory > _NEEDED_MEMORY_GB else "problem", f"{memory:.0f} GB available")
    yield Finding("cores", "ok", str(os.cpu_count()))


def _packages() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", "problem", "not installed: pip install torch==2.13.0")
        return
    import torch

    fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    speed = "bfloat16 autocast" if fast else "float32 (no native bfloat16 here: about half the speed)"
    yield Finding("torch", "ok", f"{torch.__version__}, training in {speed}")
    if torch.cuda.is_available():
        yield Finding(
            "gpu", "note", f"{torch.cuda.get_device_name()}: training uses it, by a path that has not been measured"
        )
    yield _kernels()
    found = importlib.util.find_spec("openvino_genai") is not None
    yield Finding(
        "openvino",
        "ok" if found else "note",
        "installed" if found else "absent: serving uses the PyTorch engine (pip install 'trimtab[openvino]')",
    )


def _kernels() -> Finding:
    from trimtab.train.forest.kernels import why_not

    reason = why_not()
    return Finding("kernels", "note" if reason else "ok", f"training without: {reason}" if reason else "compiled")


def _workspace(folder: Path) -> Iterator[Finding]:
    from trimtab.loop.workspace import find_workspace

    try:
        found = find_workspace(folder)
    except UserError as error:
        state: Literal["note", "problem"] = "note" if error.message == "no workspace here" else "problem"
        yield Finding("workspace", state, str(error))
        return
    yield Finding("workspace", "ok", str(found.root))
    for path in (found.config.files.system, found.config.files.policy, found.config.files.tools):
        exists = (found.root / path).exists()
        yield Finding(path.name, "ok" if exists else "problem", str(path) if exists else f"{path} is missing")
    from trimtab.model import parse_ref

    try:
        reference = parse_ref(found.config.model)
        yield Finding("model", "ok", f"{found.config.model} ({reference.kind})")
    except UserError as error:
        yield Finding("model", "problem", str(error))
    from trimtab.loop.shards import remarks

    try:
        yield from [Finding("quarantine", "note", sentence) for sentence in remarks(found)]
    except UserError as error:
        yield Finding("quarantine", "problem", str(error))
