"""A run's log in a few numbers, the steps of each kind by themselves and only those that led to the model kept."""

from collections.abc import Sequence

from trimtab.train.course import REFRESH, Line
from trimtab.train.drift.watch import READING, START, STEPPED_BACK_TO, STOPPED_AT

_BOOKKEEPING = frozenset({"step", "learning_rate", "tokens_real", "tokens_processed", "seconds", REFRESH})
_ENDING = frozenset({STOPPED_AT, STEPPED_BACK_TO})


def own_losses(log: Sequence[Line]) -> tuple[float, ...]:
    """The loss of each step of the method itself, refreshes left out."""
    return tuple(line["loss"] for line in log if not line.get(REFRESH))


def measures(log: Sequence[Line]) -> Line:
    """``loss_first`` is step 0's, ``start/`` and ``monitor/`` names have their first and last reading; every other
    measure is the mean of the last quarter of the steps, with ``refresh_`` before the name for SFT refreshes.

    Of a run that stepped back, the steps that were given up count for nothing but ``stopped_at``.
    """
    kept = _kept(log)
    own = [line for line in kept if not line.get(REFRESH)]
    refreshes = [line for line in kept if line.get(REFRESH)]
    readings = {name: value for line in kept for name, value in line.items() if name.startswith((READING, START))}
    return {
        **_tail_means(own),
        **{f"refresh_{name}": value for name, value in _tail_means(refreshes).items()},
        **readings,
        **{name: value for name, value in log[-1].items() if name in _ENDING},
        **{name: value for name, value in log[0].items() if name.startswith(START)},
        "loss_first": log[0]["loss"],
    }


def _kept(log: Sequence[Line]) -> Sequence[Line]:
    return log[: int(log[-1].get(STEPPED_BACK_TO, len(log)))]


def _tail_means(lines: Sequence[Line]) -> Line:
    tail = lines[-max(1, len(lines) // 4) :]
    named = {name for line in tail for name in line if name not in _BOOKKEEPING | _ENDING and not _is_reading(name)}
    return {name: _mean([line[name] for line in tail if name in line]) for name in sorted(named)}


def _is_reading(name: str) -> bool:
    return name.startswith((READING, START))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
