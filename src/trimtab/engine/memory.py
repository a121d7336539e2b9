"""What a closed engine held goes back to the system, so that the next step has it."""

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect garbage, and have glibc return its free pages (elsewhere the allocator keeps them for reuse)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
