"""The side of the gateway: a server in a process of its own, and the client that streams from it."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

from benchmarks.channel import Channel
from benchmarks.serve.client import Address, ask
from benchmarks.serve.streams import closed_loop


def main() -> None:
    """Reads the job, starts the server, streams each round's prompts in turn."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rounds = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serve.server", sys.argv[1]], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline() or "{}")
        if not said:
            raise RuntimeError("the server did not start")
        url = urlsplit(said["url"])
        address = Address(url.hostname or "", url.port or 0, said["key"], said["model"])
        channel.say(ready=True)
        for each in rounds:
            channel.wait()
            work = closed_loop(each["prompts"], each["streams"], lambda prompt: ask(address, prompt, job["new_tokens"]))
            channel.say(**uvloop.run(work))
        channel.say(peak_mb=_peak_megabytes(server.pid))
    finally:
        server.terminate()
        server.wait(60)


def _peak_megabytes(pid: int) -> float:
    """Sum of the peak resident memories of a running process and its children, in MB; 0 where /proc does not tell."""
    total = 0.0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        status = Path(f"/proc/{process.pid}/status")
        if status.is_file():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
            total += int(line.split()[1]) * 1024 / 1e6
    return total


if __name__ == "__main__":
    main()
