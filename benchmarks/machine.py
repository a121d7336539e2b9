"""The machine under the figures: what it is, and how fast it multiplies matrices at the very time of the run."""

import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_SIZE = 2048
_REPEATS = 12


def describe(*packages: str) -> dict[str, Any]:
    """CPU model, cores, memory, system, versions and date; nothing that names the machine or its folders."""
    import psutil

    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu_model() -> str:
    """The vendor's name with family and model, which tell more than the name on rented machines."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    pairs = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in pairs}
    extra = [f"{key.removeprefix('cpu ')} {fields[key]}" for key in ("cpu family", "model") if key in fields]
    flags = fields.get("flags", "").split()
    extra += [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags]
    return f"{fields.get('model name', 'unknown')} ({', '.join(extra)})"


def matmul_rate(dtype: str, size: int = _SIZE, repeats: int = _REPEATS) -> list[float]:
    """GF/s of each of ``repeats`` square matrix products by torch, 2 size³ operations each."""
    import torch

    kind = getattr(torch, dtype)
    a, b = torch.randn(size, size).to(kind), torch.randn(size, size).to(kind)
    rates = []
    for _ in range(repeats):
        began = time.perf_counter()
        torch.mm(a, b)
        rates.append(2 * size**3 / (time.perf_counter() - began) / 1e9)
    return rates


def read_bandwidth(gigabytes: float = 1.0, repeats: int = 7) -> float:
    """Bytes a second that all threads together read from memory: the best of ``repeats`` sums over one array."""
    import torch

    values = torch.ones(int(gigabytes * 2**30 / 4))
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        values.sum()
        best = min(best, time.perf_counter() - began)
    return values.numel() * 4 / best


def main() -> None:
    """A side for ``lockstep``: the matmul rates, measured between the steps of the others."""
    import json

    from benchmarks.channel import Channel, peak_megabytes

    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    steps = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    matmul_rate("bfloat16"), matmul_rate("float32")
    channel.say(ready=True)
    for _ in steps:
        channel.wait()
        channel.say(**{dtype: statistics.median(matmul_rate(dtype)) for dtype in ("bfloat16", "float32")})
    channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
