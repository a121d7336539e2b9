"""Compiles the kernels of this folder once for this machine, into the user's cache; None where that is impossible.

The library is plain C functions: it knows nothing of torch but shares its OpenMP runtime, so it builds in seconds.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch

SETTING = "TRIMTAB_KERNELS"
"""Environment variable: ``off`` keeps the plain paths."""
_SOURCES = ("forest.cpp", "rows.cpp")
_HEADERS = ("lanes.h",)
_FLAGS = (
    *("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-fopenmp"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
_TIMEOUT_S = 120


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None; ``why_not`` says why."""
    return None if why_not() else ctypes.CDLL(str(_compiled()))


@cache
def why_not() -> str:
    """Why there are no kernels here, empty where there are."""
    if os.environ.get(SETTING, "").lower() in ("off", "0", "none"):
        return f"turned off by {SETTING}"
    if platform.system() != "Linux":
        return f"not built on {platform.system()}"
    if _compiler() is None:
        return "no C++ compiler"
    try:
        ctypes.CDLL(str(_compiled()))
    except subprocess.CalledProcessError as error:
        return f"the compiler refused: {str(error.stderr)[-300:]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ""


def cache_folder() -> Path:
    """Where compiled kernels live: ``$XDG_CACHE_HOME/trimtab/kernels``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trimtab" / "kernels"


def _compiler() -> str | None:
    return next(
        (path for name in (os.environ.get("CXX", ""), "g++", "clang++") if name and (path := shutil.which(name))), None
    )


def _compiled() -> Path:
    """The library's file, built unless it is there: renamed into place, so two builders do no harm."""
    target = cache_folder() / f"{_key()}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as work:
            made = Path(work) / "kernels.so"
            here = Path(__file__).parent
            command = [str(_compiler()), *_FLAGS, "-o", str(made), *(str(here / name) for name in _SOURCES)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
            made.replace(target)
    return target


def _key() -> str:
    """Digest of all that decides the machine code: sources, compiler, flags, this processor's features."""
    here, digest = Path(__file__).parent, hashlib.sha256()
    for name in (*_HEADERS, *_SOURCES):
        digest.update((here / name).read_bytes())
    version = subprocess.run(
        [str(_compiler()), "--version"], check=True, capture_output=True, timeout=_TIMEOUT_S
    ).stdout
    for part in (version, repr(_FLAGS).encode(), _processor().encode(), torch.__version__.encode()):
        digest.update(part + b"\0")
    return digest.hexdigest()[:32]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = ("model name", "flags", "Features")
    return platform.machine() + "".join(sorted({line for line in lines if line.startswith(named)}))
