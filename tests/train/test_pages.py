"""Held pages are not faulted in again, and go back afterwards."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, psutil, torch
from trimtab.train.pages import pages_held
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(48 << 18)  # 48 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
with pages_held():
    # A small block behind the first large one can keep it too short for an aligned second: then two lie side by side.
    print(min(faults() for _ in range(6)))
    held = psutil.Process().memory_info().rss
print(held - psutil.Process().memory_info().rss >> 20)
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_block_freed_and_allocated_again_costs_no_faults_inside() -> None:
    """In a process of its own: the thresholds belong to the whole process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, inside, returned_MiB, after = map(int, done.stdout.split())
    assert before > 20
    assert inside < before / 10
    assert returned_MiB > 40
    assert after > 20
