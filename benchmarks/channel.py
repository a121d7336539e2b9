"""How a measured process speaks with the one that measures: a line of JSON out, a line in for each step.

Standard library only, for a peer's own environment imports it too.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


class Channel:
    """Takes over standard output, so that what libraries print lands in the log (standard error) instead."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, **fields: Any) -> None:
        """One message to the measuring process."""
        self._out.write(json.dumps(fields) + "\n")
        self._out.flush()

    def wait(self) -> None:
        """Blocks until the next step may begin. Leaves the process where nobody measures any more."""
        if not sys.stdin.readline():
            raise SystemExit("the measuring process is gone")


def peak_megabytes() -> float:
    """Peak resident memory of this process so far, in MB (VmHWM; elsewhere getrusage)."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
