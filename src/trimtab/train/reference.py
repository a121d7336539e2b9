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
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from trimtab.records import Progress, write_bytes
from trimtab.train.batch import Batch, Group
from trimtab.train.score import Scorer

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
            fresh: dict[str, LogProbs] = {}
            for batch in batches:
                if not all(example in self._known for example in batch.example_id):
                    with torch.no_grad():
                        fresh |= _by_example(batch, score(batch).logp)
            if fresh:
                self._known |= fresh
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
