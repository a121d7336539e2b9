"""The meter sees what a block held at its peak, in this process and in those that it started."""

import subprocess
import sys

from trimtab.loop.meter import metered

_HOLD = "import sys; held = bytearray(200_000_000); print(len(held), flush=True); sys.stdin.read()"


def test_memory_that_came_and_went_is_seen() -> None:
    with metered() as calm:
        pass
    with metered() as meter:
        held = bytearray(300_000_000)
        held[::4096] = b"x" * len(held[::4096])
        done = subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)"], check=True)
        del held, done
    assert meter.peak_rss_mb > calm.peak_rss_mb + 250
    assert meter.seconds > 0


def test_a_childs_memory_counts_as_the_parents() -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        with metered() as meter:
            pass
        child.communicate()
    with metered() as alone:
        pass
    assert meter.peak_rss_mb > alone.peak_rss_mb + 150
