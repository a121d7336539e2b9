"""Killed without warning at any instant: artefacts are whole or absent, names moved together or not at all."""

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from trimtab.store import Store, artefacts

_WORKER = """
import os, sys
from pathlib import Path
from trimtab.store import Store

root = Path(sys.argv[1])
store = Store.open(root / "store")
source = root / f"source-{os.getpid()}"
(source / "deep").mkdir(parents=True)
print("ready", flush=True)
i = 0
while True:
    i += 1
    (source / "config").write_text(f"{os.getpid()} {i}")
    (source / "deep" / "weights").write_bytes(os.urandom(1000) * 300)
    digest = store.artefacts.put(source)
    before = store.aliases.get("stable")
    store.aliases.set({"stable": digest, "rollback": before}, f"swap {i}")
    store.journal.finish("swap", digest, {"digest": digest}, 0.0, 0.0)
"""


def _run_and_kill(root: Path, seconds: float) -> None:
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(root)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    with worker.stdout:
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL


def _check(root: Path) -> int:
    with Store.open(root / "store") as store:
        assert all(store.artefacts.verify(known) for known in store.artefacts.digests())
        history = store.aliases.history()
        for earlier, later in itertools.pairwise(history):
            assert later.before == {"stable": earlier.after["stable"], "rollback": earlier.after["rollback"]}
            assert later.after["rollback"] == earlier.after["stable"]
        if history:
            assert store.aliases.all() == {name: digest for name, digest in history[-1].after.items() if digest}
        assert all(store.artefacts.has(digest) for digest in store.aliases.all().values())
        assert all(store.artefacts.has(step.key) for step in store.journal.history())
        return len(history)


def test_a_kill_at_a_random_instant_breaks_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    swaps = [0]
    for _ in range(5):
        _run_and_kill(tmp_path, chance.uniform(0.02, 0.25))
        swaps.append(_check(tmp_path))
    assert swaps[-1] > 0, "no swap was ever reached: the test would prove nothing"


def test_the_next_opening_sweeps_what_the_dead_left(tmp_path: Path) -> None:
    _run_and_kill(tmp_path, 0.1)
    root = tmp_path / "store" / "artefacts"
    (root / ".tmp-left").mkdir()
    settled, artefacts._SETTLED_SECONDS = artefacts._SETTLED_SECONDS, -1.0
    try:
        Store.open(tmp_path / "store").close()
    finally:
        artefacts._SETTLED_SECONDS = settled
    assert not list(root.glob(".tmp-*"))
