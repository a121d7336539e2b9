"""Our side: the normal form of every document, its runs of words, and the exact join."""

from collections.abc import Sequence

from benchmarks.dedupe.documents import THRESHOLD
from benchmarks.dedupe.timed import run
from trimtab.curate.dedupe import near_duplicates
from trimtab.text import shingles


def join(texts: Sequence[str]) -> list[int]:
    of = near_duplicates(shingles(texts), THRESHOLD).of
    return [i for i, other in enumerate(of.tolist()) if other < 0]


if __name__ == "__main__":
    run({"join": join})
