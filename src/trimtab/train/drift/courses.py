"""Courses that wrap a course to hold it near where it began: SFT refreshes in between, and a reference that moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trimtab.train.config import AnchoredConfig, SftConfig
from trimtab.train.course import REFRESH, Course, Line, RowsCourse, tags_of, trained_weight
from trimtab.train.drift.watch import READING, newest
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.score import Scorer
from trimtab.train.objectives import Objective, sft
from trimtab.train.reference import WindowStore

ANCHORED = "anchored"
"""The name that is 1 on the line of a step whose reference was π0, and 0 where it was the policy of before."""


class _Place(NamedTuple):
    """A step of one of two interleaved courses, by that course's own count."""

    course: Course
    step: int


@dataclass(frozen=True, slots=True)
class Interleaved:
    """``refresh_steps`` steps of ``refresh`` after every ``refresh_every`` of ``main``; each sees its own log only.

    Both run in their own order from their first step on: all of ``main``, and of ``refresh`` as many as are due.
    """

    main: Course
    refresh: Course
    refresh_every: int
    refresh_steps: int

    def __post_init__(self) -> None:
        due = refreshes_due(self.main.steps, self.refresh_every, self.refresh_steps)
        assert due <= self.refresh.steps, f"the refreshing course has {self.refresh.steps} of {due} steps"

    @property
    def steps(self) -> int:
        return self.main.steps + refreshes_due(self.main.steps, self.refresh_every, self.refresh_steps)

    def batches(self, step: int, log: Sequence[Line]) -> list[Batch]:
        course, own = self._place(step)
        return course.batches(own, self._own(log, course))

    def objective(self, step: int, log: Sequence[Line]) -> Objective:
        course, own = self._place(step)
        return course.objective(own, self._own(log, course))

    def rate(self, step: int) -> float:
        course, own = self._place(step)
        return course.rate(own)

    def tags(self, step: int, log: Sequence[Line]) -> Line:
        course, own = self._place(step)
        tags = tags_of(course, own, self._own(log, course))
        return tags | {REFRESH: 1.0} if course is self.refresh else tags

    def _place(self, step: int) -> _Place:
        turn, at = divmod(step, self.refresh_every + self.refresh_steps)
        if at < self.refresh_every:
            return _Place(self.main, turn * self.refresh_every + at)
        return _Place(self.refresh, turn * self.refresh_steps + at - self.refresh_every)

    def _own(self, log: Sequence[Line], course: Course) -> list[Line]:
        """The lines of ``course``; a reading taken during the other's steps is joined to the line before them."""
        lines: list[Line] = []
        for step, line in enumerate(log):
            if self._place(step).course is course:
                lines.append(line)
            elif lines and (readings := {name: line[name] for name in line if name.startswith(READING)}):
                lines[-1] = lines[-1] | readings
        return lines


def refreshes_due(main_steps: int, refresh_every: int, refresh_steps: int) -> int:
    """Refresh steps in all, those after the last main step included where they are due."""
    return main_steps // refresh_every * refresh_steps


def refreshed(main: Course, groups: Sequence[Group], config: AnchoredConfig, *, share: bool) -> Course:
    """``main`` with the SFT refreshes that ``config`` asks for, on ``groups`` in as many epochs as are needed."""
    due = refreshes_due(main.steps, config.refresh_every, config.refresh_steps) if config.refresh_every else 0
    if due == 0:
        return main
    steps_per_epoch = -(-len(groups) // config.rows_per_step)
    teaching = SftConfig(
        epochs=-(-due // steps_per_epoch),
        learning_rate=config.refresh_rate,
        warmup=0,
        schedule="constant",
        rows_per_step=config.rows_per_step,
        token_budget=config.token_budget,
        max_tokens=config.max_tokens,
        seed=config.seed,
    )
    refresh = RowsCourse(groups, teaching, sft, trained_weight, share)
    return Interleaved(main, refresh, config.refresh_every, config.refresh_steps)


def window_start(step: int, every: int) -> int:
    """The step at which the reference last moved."""
    return step // every * every


def goes_to_anchor(step: int, log: Sequence[Line], config: AnchoredConfig) -> bool:
    """Whether the reference of ``step`` is π0: the last KL to π0 before its window was above the bound, or unknown.

    The first window's reference is the model as it came, for nothing has been measured by then.
    """
    start = window_start(step, config.reference_every)
    if config.reference != "reanchor" or start == 0:
        return False
    kl = newest(log[:start], "kl")
    return kl is None or not kl <= config.anchor_kl


@dataclass(frozen=True, slots=True)
class MovingReference:
    """``inner`` with the log-probs of a reference that becomes the policy itself every ``reference_every`` steps.

    At the first step of a window all its micro-batches are scored, in the layout in which the policy will meet them,
    so that the two are equal to the last bit there; the numbers are on disk before they are used. ``inner`` must not
    need the log for its batches, for those of the coming steps are asked before these are made.
    """

    inner: Course
    config: AnchoredConfig
    score: Scorer
    """The policy's."""
    store: WindowStore
    anchor: Callable[[], Scorer] | None = None
    """π0's, opened when it is needed; ``reanchor`` alone needs it."""

    @property
    def steps(self) -> int:
        return self.inner.steps

    def batches(self, step: int, log: Sequence[Line]) -> list[Batch]:
        start = window_start(step, self.config.reference_every)
        if step == start:
            self._score_window(start, log)
        return self.store.read(start, step, self.inner.batches(step, log))

    def objective(self, step: int, log: Sequence[Line]) -> Objective:
        return self.inner.objective(step, log)

    def rate(self, step: int) -> float:
        return self.inner.rate(step)

    def tags(self, step: int, log: Sequence[Line]) -> Line:
        own = tags_of(self.inner, step, log)
        if self.config.reference != "reanchor":
            return own
        return own | {ANCHORED: float(goes_to_anchor(step, log, self.config))}

    def _score_window(self, start: int, log: Sequence[Line]) -> None:
        score = self.score
        if goes_to_anchor(start, log, self.config):
            assert self.anchor is not None, "reanchor needs π0"
            score = self.anchor()
        window = range(start, min(start + self.config.reference_every, self.steps))
        self.store.write(start, ((step, self.inner.batches(step, log)) for step in window), score)
