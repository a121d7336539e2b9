"""Difficulty of the rows at the door, measured on π0: kept in the store by model and row, so nothing is done twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from trimtab.curate import DifficultyConfig, Placed
from trimtab.curate.strata.difficulty import Difficulty, Measure
from trimtab.loop.passing import asked_of, passes
from trimtab.loop.rows import Dress, dress_of
from trimtab.loop.workspace import Workspace
from trimtab.model import Dialect, resolve, weights_digest
from trimtab.records import Comparison, Example, Message, Progress, digest, messages_from_json
from trimtab.store import Store

KIND = "difficulty"
_TOGETHER = 16
"""Rows answered before their answers are kept: what a kill can lose."""
_ANSWERED = ("stop", "length")
Found = Mapping[str, Any]
R = TypeVar("R", Example, Comparison)


def measure_of(workspace: Workspace, progress: Progress) -> Measure | None:
    """What the door asks, where ``data.difficulty`` wants anything measured; π0 is opened at its first new row."""
    config = workspace.config.data.difficulty
    if config.measure == "off":
        return None

    def measure(rows: Sequence[Placed]) -> Mapping[str, Difficulty]:
        folder = resolve(workspace.config.model, progress=progress)
        return measured(rows, config, folder, dress_of(workspace), workspace.store, progress)

    return measure


def watched(workspace: Workspace) -> Any:
    """What decides on difficulty beside the rows: π0 and what the rows are dressed with. None where it is off."""
    if workspace.config.data.difficulty.measure == "off":
        return None
    dress = dress_of(workspace)
    return [workspace.config.model, dress.system, list(dress.schemas)]


def measured(
    rows: Sequence[Placed], config: DifficultyConfig, folder: Path, dress: Dress, store: Store, progress: Progress
) -> dict[str, Difficulty]:
    """``Placed.key`` -> what was measured on the model in ``folder``. Rows over ``config.rows``: those of highest hash.

    Each batch is in the store before the next begins; what is there already is not computed again.
    """
    chosen = {placed.key: placed.row for placed in rows if isinstance(placed.row, Example | Comparison)}
    keys = sorted(chosen, key=lambda key: digest(["difficulty", key]))[: config.rows]
    examples = {key: dress.example(row) for key in keys if isinstance(row := chosen[key], Example)}
    pairs = {key: dress.pair(row) for key in keys if isinstance(row := chosen[key], Comparison)}
    model = weights_digest(folder)
    kept = _Kept(store, model, progress)
    values: list[Mapping[str, Found]] = [kept.fill("margin", pairs, lambda some: _margins(folder, some))]
    if config.measure in ("loss", "both"):
        values.append(kept.fill("loss", examples, lambda some: _losses(folder, some)))
    if config.measure in ("pass_rate", "both"):
        how = [config.samples, config.temperature if config.samples > 1 else 0.0, config.max_tokens]
        asked = {key: row for key, row in examples.items() if passes(row, Message("assistant", "")) is not None}
        values.append(kept.fill(f"pass_rate 2 {how}", asked, lambda some: _answered(folder, some, config)))
    found: dict[str, Difficulty] = {}
    for one in values:
        for key, value in one.items():
            found[key] = replace(found.get(key, Difficulty(model=model)), **_fields(value))
    return found


class _Kept:
    """Measured values in the store, under the model's digest, the signal and the dressed row's id."""

    def __init__(self, store: Store, model: str, progress: Progress) -> None:
        self._store, self._model, self._progress = store, model, progress

    def fill(
        self, signal: str, rows: Mapping[str, R], compute: Callable[[list[R]], Iterator[Mapping[str, Found]]]
    ) -> dict[str, Found]:
        """Key -> value of each row that could be measured."""
        ids = {key: row.id for key, row in rows.items()}
        names = {id: f"{self._model}:{signal}:{id}" for id in ids.values()}
        known: dict[str, Found] = {id: value for id in names if (value := self._store.get(KIND, names[id])) is not None}
        missing = [row for row in rows.values() if row.id not in known]
        if missing:
            self._progress.start(f"difficulty: {signal.split()[0]}", len(missing))
            for fresh in compute(missing):
                self._store.documents.put_all(KIND, {names[id]: value for id, value in fresh.items()})
                known |= fresh
                self._progress.advance(len(fresh))
        return {key: known[id] for key, id in ids.items() if id in known}


def _losses(folder: Path, rows: list[Example]) -> Iterator[Mapping[str, Found]]:
    from trimtab.loop.scoring import losses

    for means in losses(folder, rows):
        yield {id: {"loss": value} for id, value in means.items()}


def _margins(folder: Path, rows: list[Comparison]) -> Iterator[Mapping[str, Found]]:
    from trimtab.loop.scoring import margins

    for means in margins(folder, rows):
        yield {id: {"margin": value} for id, value in means.items()}


def _answered(folder: Path, rows: list[Example], config: DifficultyConfig) -> Iterator[Mapping[str, Found]]:
    """Pass rate and the distinct failed answers of each row, ``_TOGETHER`` rows at a time.

    A row that the engine could not answer (too long, say) is not measured: that is no wrong answer.
    """
    from trimtab.engine import open_engine

    engine, dialect = open_engine("auto", folder), Dialect.of(folder)
    try:
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            yield {
                row.id: _rated(row, said)
                for row, said in zip(some, _samples(engine, dialect, some, config), strict=True)
                if all(one.finish in _ANSWERED for one in said)
            }
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class _Sample:
    """What π0 said, and why it ended there: ``stop``, ``length``, or something that is no answer."""

    answer: Message
    finish: str


def _samples(engine: Any, dialect: Dialect, rows: Sequence[Example], config: DifficultyConfig) -> list[list[_Sample]]:
    """π0's answers to each row; the seed is the sample's place, so that equal rows are answered equally."""
    from trimtab.engine import Request, Sampling, generate

    warm = config.temperature if config.samples > 1 else 0.0
    prompts = [tuple(dialect.encode(asked_of(row)[0], row.tools, reply=True)) for row in rows]
    requests = [
        Request(ids, Sampling(config.max_tokens, temperature=warm, seed=place, stop_ids=tuple(dialect.stop_ids)))
        for ids in prompts
        for place in range(config.samples)
    ]
    ended = generate(engine, requests)
    answers = [_Sample(dialect.parse(dialect.decode(done.token_ids)), done.finish) for done in ended]
    return [answers[i : i + config.samples] for i in range(0, len(answers), config.samples)]


def _rated(row: Example, samples: Sequence[_Sample]) -> Found:
    """A failed answer that is empty, or cut off by ``max_tokens``, is no companion: the end would tell it apart."""
    failed = [one for one in samples if not passes(row, one.answer)]
    whole = [one.answer for one in failed if one.finish == "stop"]
    said = {digest(one.to_json()): one.to_json() for one in whole if one.content.strip() or one.tool_calls}
    return {"pass_rate": 1 - len(failed) / len(samples), "samples": len(samples), "failed": list(said.values())}


def _fields(value: Found) -> dict[str, Any]:
    failed = value.get("failed") or ()
    return {**value, "failed": tuple((turn,) for turn in messages_from_json(failed)) if failed else ()}
