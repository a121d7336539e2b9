"""What a step took: wall seconds, and the peak memory of the process and of those it started."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_EVERY = 0.05
"""Seconds between two looks at the resident memory."""
_LOOKS = 20
"""Looks between two counts of the children: to find them is dear."""


@dataclass(slots=True)
class Meter:
    """Filled in when the metered block ends. Memory in megabytes (10⁶ bytes); shared pages count in each process."""

    seconds: float = 0.0
    peak_rss_mb: float = 0.0


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure a block; the yielded Meter is complete when the block is left."""
    meter, done, process = Meter(), threading.Event(), psutil.Process()

    def watch() -> None:
        for look in itertools.count():
            if look % _LOOKS == 0:
                family = [process, *process.children(recursive=True)]
            meter.peak_rss_mb = max(meter.peak_rss_mb, sum(map(_resident, family)) / 1e6)
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


def _resident(process: psutil.Process) -> int:
    """Bytes; 0 for one that has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
