"""Does guessing ahead pay? The same requests through the plain engine and one that guesses, side by side in one run."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any

from trimtab.engine.batch import generate
from trimtab.engine.core import Completion, Engine, Request
from trimtab.engine.lookup import Counts

FLOOR = 1.05
"""Least speed-up that is worth a second way of decoding: below it lies what the same run measures twice."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of guessing at one concurrency. Seconds are totals over all ``requests``: wall, and CPU of the process.

    ``identical``: requests whose token ids are the plain engine's; ``steady``: those that the plain engine itself
    answers alike at every measured concurrency, which is all of them unless its arithmetic rounds by batch.
    """

    way: str
    concurrency: int
    requests: int
    tokens: int
    identical: int
    steady: int
    plain_seconds: float
    seconds: float
    plain_cpu: float
    cpu: float
    turns: int
    emitted: int
    proposed: int
    accepted: int
    verified: int

    @property
    def speedup(self) -> float:
        """Plain wall seconds over these."""
        return self.plain_seconds / self.seconds if self.seconds else 0.0

    @property
    def acceptance(self) -> float:
        """Accepted over proposed tokens (OpenVINO's look-up pads a step's proposals, and the padding counts)."""
        return self.accepted / self.proposed if self.proposed else 0.0

    @property
    def forwards_a_token(self) -> float:
        """Target forwards a request took part in, over the tokens they emitted: 1 without guessing."""
        return self.turns / self.emitted if self.emitted else 1.0

    @property
    def work_a_token(self) -> float:
        """Rows the target computed over the tokens they emitted: 1 without guessing; a draft's own come on top."""
        return self.verified / self.emitted if self.emitted else 1.0

    def to_json(self) -> dict[str, Any]:
        """The numbers, and the four ratios that are read from them."""
        ratios = ("speedup", "acceptance", "forwards_a_token", "work_a_token")
        return asdict(self) | {name: round(getattr(self, name), 4) for name in ratios}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Trial":
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def decide(trials: Sequence[Trial], floor: float = FLOOR) -> str:
    """The way to serve with, or "" for none: it must win by ``floor`` at every concurrency that was measured.

    A way that changed more answers than the plain engine changes of its own between concurrencies is never chosen. Of
    those that remain, the one whose worst speed-up is best; nothing measured means no guessing.
    """
    best, found = floor, ""
    for way in dict.fromkeys(trial.way for trial in trials):
        own = [trial for trial in trials if trial.way == way]
        worst = min(trial.speedup for trial in own)
        if worst >= best and all(trial.requests > 0 and trial.identical >= trial.steady for trial in own):
            found, best = way, worst
    return found


def measure(
    plain: Engine,
    fast: Mapping[str, Engine],
    requests: Sequence[Request],
    concurrencies: Sequence[int] = (1, 8),
    wall: Callable[[], float] = time.perf_counter,
    cpu: Callable[[], float] = time.process_time,
) -> list[Trial]:
    """Each way of ``fast`` against ``plain`` on greedy ``requests``, in closed loops, one engine after the other.

    Every engine answers the first request once before, so that what is built at first use is not measured. Raises
    ValueError without requests, RuntimeError where an engine fails one.
    """
    if not requests:
        raise ValueError("no request to measure with")
    for engine in (plain, *fast.values()):
        _answers(engine, requests[:1], 1)
    lone = {c: _run(plain, requests, c, wall, cpu) for c in concurrencies}
    answers = [run.answers for run in lone.values()]
    steady = sum(len({row[i].token_ids for row in answers}) == 1 for i in range(len(requests)))
    return [
        _trial(way, c, lone[c], _run(engine, requests, c, wall, cpu), steady)
        for c in concurrencies
        for way, engine in fast.items()
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    answers: list[Completion]
    seconds: float
    cpu: float
    counts: Counts


def _run(
    engine: Engine, requests: Sequence[Request], concurrency: int, wall: Callable[[], float], cpu: Callable[[], float]
) -> _Run:
    counts: Counts = getattr(engine, "counts", Counts())
    before, began, burnt = counts.copy(), wall(), cpu()
    answers = _answers(engine, requests, concurrency)
    return _Run(answers, wall() - began, cpu() - burnt, counts.since(before))


def _answers(engine: Engine, requests: Sequence[Request], concurrency: int) -> list[Completion]:
    """A closed loop: each of ``concurrency`` askers sends its next request when it has its answer."""
    with ThreadPoolExecutor(concurrency) as pool:
        answers = list(pool.map(lambda request: generate(engine, [request])[0], requests))
    for answer in answers:
        if answer.finish == "error":
            raise RuntimeError(f"{engine.caps.name} failed a request: {answer.error}")
    return answers


def _trial(way: str, concurrency: int, plain: _Run, fast: _Run, steady: int) -> Trial:
    pairs = zip(plain.answers, fast.answers, strict=True)
    return Trial(
        way=way,
        concurrency=concurrency,
        requests=len(fast.answers),
        tokens=sum(len(answer.token_ids) for answer in fast.answers),
        identical=sum(slow.token_ids == quick.token_ids for slow, quick in pairs),
        steady=steady,
        plain_seconds=plain.seconds,
        seconds=fast.seconds,
        plain_cpu=plain.cpu,
        cpu=fast.cpu,
        turns=fast.counts.turns,
        emitted=fast.counts.emitted,
        proposed=fast.counts.proposed,
        accepted=fast.counts.accepted,
        verified=fast.counts.verified,
    )
