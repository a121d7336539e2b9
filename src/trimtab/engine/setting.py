"""What must be equal for an engine to repeat its log-probs bit for bit: its library and the machine it computes on."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from trimtab.engine.core import Engine
from trimtab.records import digest

_LIBRARIES = ("openvino", "openvino-genai", "torch", "transformers")


def setting_of(engine: Engine) -> dict[str, str]:
    """Engine, libraries and machine, as a record keeps them. Equal settings give equal bits, save those of a
    ``server``: what it computes on is its own affair."""
    if (server := getattr(engine, "server", None)) is not None:
        return {"engine": engine.caps.name, "server": str(server)}
    family = engine.caps.name.partition("-")[0]
    libraries = _LIBRARIES[:2] if family == "openvino" else _LIBRARIES[2:]
    return {"engine": engine.caps.name, "threads": _threads(family), **_versions(libraries), **_machine()}


def _threads(family: str) -> str:
    if family == "torch":
        import torch

        return str(torch.get_num_threads())
    return str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def _versions(libraries: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def _machine() -> dict[str, str]:
    """The processor's name and a digest of its features: one name may stand for several generations."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    except OSError:
        facts = {}
    name = facts.get("model name") or platform.processor() or platform.machine()
    kept = {key: facts.get(key, "") for key in ("cpu family", "model", "stepping", "flags", "Features")}
    return {"machine": platform.machine(), "processor": name, "features": digest(kept)[:16]}
