"""What a step took: wall seconds and the process's peak memory meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_EVERY = 0.05
"""Seconds between two looks at the resident memory."""


@dataclass(slots=True)
class Meter:
    """Filled in when the metered block ends. Memory in megabytes (10⁶ bytes)."""

    seconds: float = 0.0
    peak_rss_mb: float = 0.0


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure a block; the yielded Meter is complete when the block is left."""
    meter, done, process = Meter(), threading.Event(), psutil.Process()

    def watch() -> None:
        while True:
            meter.peak_rss_mb = max(meter.peak_rss_mb, process.memory_info().rss / 1e6)
            if done.wait(_EVERY):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    begun = time.perf_counter()
    try:
        yield meter
    finally:
        meter.seconds = time.perf_counter() - begun
        done.set()
        watcher.join()
