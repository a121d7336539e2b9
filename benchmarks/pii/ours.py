"""Trimtab's side: every kind it knows, found in the given texts."""

import json
import sys
import time
from pathlib import Path

from benchmarks.channel import Channel, peak_megabytes
from trimtab.text import ALL_KINDS, pii_spans


def main() -> None:
    """One pass to find and to warm up, then one for each step that is asked for."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    channel = Channel()
    kinds = ALL_KINDS if job["years"] else ALL_KINDS - {"YEAR"}
    found = [[(one.start, one.end, one.kind, 1.0) for one in pii_spans(text, kinds)] for text in job["texts"]]
    channel.say(found=found)
    for _ in range(job["steps"]):
        channel.wait()
        began, busy = time.perf_counter(), time.process_time()
        for text in job["texts"]:
            pii_spans(text, kinds)
        channel.say(seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - busy)
    channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
