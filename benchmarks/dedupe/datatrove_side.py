"""datatrove: its four MinHash steps on two processes, with a split at spaces in place of its word tokenizer."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datatrove.pipeline.dedup.minhash as minhash_steps
import numpy as np
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from timed import run, runs_of

_WORKERS, _BUCKETS = 2, 20
_texts: list[str] = []
minhash_steps.load_word_tokenizer = lambda language: None  # the split at spaces below takes its place


class _Read(PipelineStep):  # type: ignore[misc]
    """Documents out of memory (the processes are forked): it need not parse a file."""

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        for i in range(rank, len(_texts), world_size):
            yield Document(text=_texts[i], id=str(i))


class _Signature(MinhashDedupSignature):  # type: ignore[misc]
    def get_shingles(self, text: str) -> Any:
        hashes = [self._hash_func(run) for run in runs_of(text)]
        return np.array(hashes, np.uint64).reshape(-1, 1)


class _Write(PipelineStep):  # type: ignore[misc]
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        Path(self.folder, str(rank)).write_text("\n".join(document.id for document in data), encoding="ascii")
        yield from ()


def minhash(texts: Sequence[str]) -> list[int]:
    _texts.extend(texts)
    config = MinhashConfig(n_grams=3, num_buckets=_BUCKETS, hashes_per_bucket=6)
    with tempfile.TemporaryDirectory() as folder:
        steps: list[tuple[list[Any], int]] = [
            ([_Read(), _Signature(f"{folder}/signatures", config)], _WORKERS),
            ([MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], _BUCKETS),
            ([MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config)], 1),
            ([_Read(), MinhashDedupFilter(f"{folder}/remove"), _Write(folder)], _WORKERS),
        ]
        for i, (pipeline, tasks) in enumerate(steps):
            workers = min(tasks, _WORKERS)
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=workers, logging_dir=f"{folder}/logs/{i}", start_method="fork"
            ).run()
        return sorted(int(i) for rank in range(_WORKERS) for i in Path(folder, str(rank)).read_text().split())


if __name__ == "__main__":
    run({"minhash": minhash})
