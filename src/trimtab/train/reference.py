"""Reference log-probs: computed once by the policy's own code path, kept on disk by example id.

In bfloat16 two passes of different layout differ by about 0.03 nat a token, so the reference is scored in the very
micro-batches in which the policy will first meet it: at step 0 the two are equal to the last bit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from trimtab.records import Progress, UserError, write_bytes
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.score import Scorer
from trimtab.train.processes.sharding import shared_scores, wait
from trimtab.train.processes.world import world

LogProbs = npt.NDArray[np.floating]


class ReferenceCache:
    """Per-token log-probs of one reference model, in parts that are each written whole.

    ``folder`` must be named by everything that shapes the numbers: the reference's weights, the dialect, the
    precision and whether prefixes are shared. A killed run keeps the parts it wrote.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, LogProbs] = {}
        for file in sorted(folder.glob("*.safetensors")):
            self._known |= load_file(file)

    def fill(self, steps: Iterable[Sequence[Batch]], score: Scorer, progress: Progress) -> None:
        """Scores the batches of each step that hold an unknown example; a part on disk for each such step."""
        for batches in steps:
            unknown = [batch for batch in batches if not all(example in self._known for example in batch.example_id)]
            fresh: dict[str, LogProbs] = {}
            for batch, logp_N in zip(unknown, shared_scores(unknown, score, world()), strict=True):
                fresh |= _by_example(batch, logp_N)
            self._known |= fresh
            if fresh and world().leads:
                part = len(list(self._folder.glob("*.safetensors")))
                write_bytes(self._folder / f"{part:06d}.safetensors", to_bytes(fresh))
            progress.advance()

    def covers(self, groups: Iterable[Group]) -> bool:
        """Whether nothing is left to compute."""
        return all(sequence.example_id in self._known for group in groups for sequence in group)

    def attach(self, group: Group) -> Group:
        """The group with its reference log-probs."""
        return tuple(replace(sequence, reference_N=self._known[sequence.example_id]) for sequence in group)


def _by_example(batch: Batch, logp_N: torch.Tensor) -> dict[str, LogProbs]:
    parts = torch.split(logp_N, batch.seq_len.tolist())
    return {example: part.numpy().copy() for example, part in zip(batch.example_id, parts, strict=True)}


class WindowStore:
    """Log-probs of a reference that moves: for each window of steps one file, by step and micro-batch.

    Keyed by micro-batch and not by example, so that each number was computed in the layout in which it is used.
    ``folder`` must be named by everything that shapes the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, start: int, steps: Iterable[tuple[int, Sequence[Batch]]], score: Scorer) -> None:
        """Scores the micro-batches of the window that begins at step ``start``; on disk, whole, when it returns."""
        found: dict[str, LogProbs] = {}
        for step, batches in steps:
            scored = shared_scores(batches, score, world())
            found |= {_key(step, place): logp_N.numpy() for place, logp_N in enumerate(scored)}
        if world().leads:
            write_bytes(self._file(start), to_bytes(found))
        wait(world())

    def read(self, start: int, step: int, batches: Sequence[Batch]) -> list[Batch]:
        """The micro-batches of ``step`` with their reference log-probs.

        Raises UserError where the window's file is gone: in the middle of a window nothing can compute it again.
        """
        file = self._file(start)
        if not file.is_file():
            raise UserError(
                f"the reference log-probs of the steps from {start} on are gone",
                file=file,
                fix="Empty the run's work folder and start over",
            )
        with safe_open(file, framework="pt") as tensors:
            logp = [tensors.get_tensor(_key(step, place)) for place in range(len(batches))]
        return [replace(batch, reference_logp=part) for batch, part in zip(batches, logp, strict=True)]

    def _file(self, start: int) -> Path:
        return self._folder / f"window-{start:08d}.safetensors"


def _key(step: int, place: int) -> str:
    return f"{step}/{place}"
