"""What reinforcement learning is held to: a second model that stays, or one that the policy becomes now and then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from trimtab.records import UserError, write_bytes
from trimtab.train.config import RlConfig
from trimtab.train.course import Line
from trimtab.train.drift.courses import goes_to_anchor, window_start
from trimtab.train.forest.score import Scorer


class ReferenceModel(Protocol):
    """Scores with the policy's own code path and precision, so that at first the two are equal to the last bit."""

    def scorer(self, step: int, log: Sequence[Line]) -> Scorer:
        """The reference of the rollouts that are sampled at ``step``."""


@dataclass(frozen=True, slots=True)
class FixedReference:
    score: Scorer

    def scorer(self, step: int, log: Sequence[Line]) -> Scorer:
        return self.score


class MovedReference:
    """The policy as it was at the last multiple of ``reference_every`` steps; ``reanchor`` puts π0 in its place.

    Its trained parameters are written to ``folder`` when it moves, and kept for as long as a checkpoint may go back
    to them. ``anchor`` opens π0's scorer.
    """

    def __init__(
        self,
        policy: Any,
        copy: Any,
        score: Scorer,
        config: RlConfig,
        folder: Path,
        anchor: Callable[[], Scorer] | None = None,
    ) -> None:
        self._policy, self._copy, self._score, self._config = policy, copy, score, config
        self._folder, self._anchor = folder, anchor
        self._at = 0
        """The step whose policy ``copy`` is; 0 is the model as it came."""
        self._opened: Scorer | None = None

    def scorer(self, step: int, log: Sequence[Line]) -> Scorer:
        start = window_start(step, self._config.reference_every)
        if step == start and start:
            self._keep(start)
        if goes_to_anchor(step, log, self._config):
            assert self._anchor is not None, "reanchor needs π0"
            self._opened = self._opened or self._anchor()
            return self._opened
        if start != self._at:
            self._restore(start)
        return self._score

    def _keep(self, step: int) -> None:
        tensors = {name: p.detach().contiguous() for name, p in _trained(self._policy)}
        write_bytes(self._file(step), to_bytes(tensors))
        oldest = window_start(max(0, step - self._config.checkpoint_every), self._config.reference_every)
        for path in self._folder.glob("reference-*.safetensors"):
            if path.name < self._file(oldest).name:
                path.unlink()

    def _restore(self, step: int) -> None:
        file = self._file(step)
        if not file.is_file():
            raise UserError(
                f"the reference of step {step} is gone", file=file, fix="Empty the run's work folder and start over"
            )
        tensors = load_file(file)
        with torch.no_grad():
            for name, parameter in _trained(self._copy):
                parameter.copy_(tensors[name])
        self._at = step

    def _file(self, step: int) -> Path:
        return self._folder / f"reference-{step:08d}.safetensors"


def _trained(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
