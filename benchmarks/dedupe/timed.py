"""What every side does: read documents, deduplicate, write the indices kept, and say seconds and peak memory.

Imports nothing of ours: it runs in the peers' environments too.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Dedupe = Callable[[Sequence[str]], Sequence[int]]


def run(sides: dict[str, Dedupe]) -> None:
    """``python side.py WAY DOCUMENTS KEPT``: one JSON object on standard output."""
    way, documents, kept = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    began, work = time.perf_counter(), time.process_time()
    texts = documents.read_text(encoding="utf-8").splitlines()
    left = sides[way](texts)
    kept.write_text("\n".join(map(str, left)), encoding="ascii")
    seconds, cpu = time.perf_counter() - began, time.process_time() - work
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_gb": peak, "kept": len(left)}))


def runs_of(text: str) -> list[str]:
    """The word 3-grams of a text that is normal already: no peer pays for our normal form."""
    words = text.split()
    return [" ".join(run) for run in zip(words, words[1:], words[2:])]  # noqa: B905 - the shortest decides
