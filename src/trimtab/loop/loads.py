"""Loading a release beside those that answer: what does not fit is that release's own error, and no other's."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from trimtab.loop.config import Serving
from trimtab.records import UserError
from trimtab.release import get
from trimtab.store import Store

Loaded = TypeVar("Loaded")
_AGAIN_SECONDS = 30.0
_SPARE = 64 << 20  # for what a load needs beside the weights
_CGROUP = Path("/sys/fs/cgroup")
_log = logging.getLogger("trimtab.live")


class Loads:
    """Loads releases one at a time. A failed one is not tried again for half a minute: its error is repeated."""

    def __init__(
        self,
        store: Store,
        serving: Serving,
        clock: Callable[[], float] = time.time,
        free: Callable[[], int] | None = None,
    ) -> None:
        self._store, self._serving, self._clock = store, serving, clock
        self._free = free or free_bytes
        self._failed: dict[str, tuple[float, UserError]] = {}

    def __call__(self, digest: str, load: Callable[[str], Loaded], *, beside: bool) -> Loaded:
        """``load(digest)``. ``beside``: others are answering, so that memory must hold both; else it is tried anyway.

        Raises UserError, whatever kept it from loading.
        """
        at, error = self._failed.get(digest, (0.0, None))
        if error is not None and self._clock() < at + _AGAIN_SECONDS:
            raise error
        self._failed.pop(digest, None)
        try:
            if beside:
                self._check_room(digest)
            return load(digest)
        except UserError as error:
            self._failed[digest] = self._clock(), error
            raise
        except Exception as error:  # the named boundary: what a library raises where memory or a file fails it
            _log.exception("release %s could not be loaded", digest[:12])
            said = UserError(f"release {digest[:12]} could not be loaded ({type(error).__name__}: {error})")
            self._failed[digest] = self._clock(), said
            raise said from error

    def _check_room(self, digest: str) -> None:
        folder = self._store.artefacts.path(get(self._store, digest).behaviour.model)
        need, free = engine_bytes(folder, self._serving) + _SPARE, self._free()
        if need > free:
            raise UserError(
                f"release {digest[:12]} needs {need >> 20} MB beside those that answer, and {free >> 20} MB are free",
                fix="Free memory, end the canary, or stop and start the server with the one release",
            )


def engine_bytes(folder: Path, serving: Serving) -> int:
    """Bytes that an engine over ``folder`` takes at least: its weights at the served precision."""
    element = 4 if serving.precision == "f32" else 2
    try:
        stored = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}[
            json.loads((folder / "config.json").read_text(encoding="utf-8")).get("dtype", "float32")
        ]
    except (OSError, ValueError, KeyError, AttributeError):
        stored = element
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) * element // stored


def free_bytes(cgroup: Path = _CGROUP) -> int:
    """Bytes that may still be taken: of the machine, and of the container's limit (cgroup v2) where there is one."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):  # no cgroup, or "max": no limit
        return free
