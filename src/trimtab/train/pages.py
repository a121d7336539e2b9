"""While training runs, freed memory stays mapped: a step allocates again what the last one freed.

glibc gives large blocks back to the system at once, and the next step pays a page fault for every 4 KiB of them: some
300,000 faults, a tenth of a step of a 135M model (more under a hypervisor).
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from trimtab.engine.memory import give_back

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3)."""
_NEVER = 2**31 - 1
_LARGE = 32 << 20
"""What glibc's own adaptive threshold grows to."""


@contextmanager
def pages_held() -> Iterator[None]:
    """Blocks of any size come from the heap, and the heap keeps its pages; on leaving they go back to the system.

    Elsewhere than with glibc nothing changes.
    """
    if not _set(_NEVER, _NEVER):
        yield
        return
    try:
        yield
    finally:
        _set(_LARGE, 2 * _LARGE)
        give_back()


def _set(mmap_threshold: int, trim_threshold: int) -> bool:
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, mmap_threshold)) and bool(mallopt(_TRIM_THRESHOLD, trim_threshold))
