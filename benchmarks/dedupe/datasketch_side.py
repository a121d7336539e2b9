"""datasketch: MinHash in bulk and its LSH; candidates are verified by their signatures."""

from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH
from timed import run, runs_of

_THRESHOLD, _PERMUTATIONS, _PARAMETERS = 0.8, 126, (21, 6)


def lsh(texts: Sequence[str]) -> list[int]:
    index: MinHashLSH = MinHashLSH(num_perm=_PERMUTATIONS, params=_PARAMETERS)
    rows = ([run.encode() for run in runs_of(text)] for text in texts)
    signs: dict[int, MinHash] = {}
    kept = []
    for i, sign in enumerate(MinHash.generator(rows, num_perm=_PERMUTATIONS)):
        if not any(sign.jaccard(signs[other]) >= _THRESHOLD for other in index.query(sign)):
            index.insert(i, sign, check_duplication=False)
            signs[i] = sign
            kept.append(i)
    return kept


if __name__ == "__main__":
    run({"lsh": lsh})
