"""``reasoning: auto``: the same rows taught with and without reasoning, both asked the same held-out questions."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from trimtab.records import Example, digest, write_json
from trimtab.stats import Interval, paired_interval
from trimtab.train.config import SftConfig
from trimtab.train.reasoning.examine import Mark
from trimtab.train.reasoning.rows import has_reasoning, stripped

Choice = Literal["keep", "strip"]
Teach = Callable[[Sequence[Example], SftConfig, Path], Path]
"""``(rows, config, folder to work in)``: the folder of the model that they teach."""
Examine = Callable[[Path, Sequence[Example]], list[Mark]]
"""``(model's folder, held-out rows)``: a mark a row."""
Usable = Callable[[Sequence[Example]], Sequence[Example]]
"""The rows that both runs can be taught."""

_SEEN = 0.05
"""Share of exact answers, of both arms together, from which exactness tells: below it answers are free text."""
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """``gain`` is the paired difference, with less without, of the measure that decided; None without a comparison."""

    choice: Choice
    note: str
    measure: Literal["exact", "probability", ""] = ""
    gain: Interval | None = None
    metrics: dict[str, float] | None = None


def decide(
    examples: Sequence[Example],
    config: SftConfig,
    work: Path,
    teach: Teach,
    examine: Examine,
    key: str,
    usable: Usable = list,
) -> Decision:
    """Keep or strip, from a file of ``work`` where the same question was answered before; ``key`` names the question.

    Both runs have the same rows, seed and steps. The held-out rows end in a turn with reasoning and are taught to
    neither.
    """
    file = work / "decision.json"
    if (known := _known(file, key)) is not None:
        return known
    ending = sum(has_reasoning(row.messages[-1]) for row in examples)
    taught, probes = split(usable(examples), config) if ending else ([], [])
    if len(probes) < _FEWEST or not taught:
        note = f"reasoning stripped: {ending} rows end in a turn with reasoning, too few to compare"
        return Decision("strip", note, metrics={"reasoning_kept": 0.0})
    marks: dict[Choice, list[Mark]] = {}
    arms: tuple[Choice, ...] = ("keep", "strip")
    for arm in arms:
        plain = {"reasoning": arm, "monitors": None, "writers": ()}
        marks[arm] = examine(teach(taught, config.model_copy(update=plain), work / arm), probes)
    decision = judge(marks["keep"], marks["strip"], [_question(row) for row in probes])
    write_json(file, {"key": key, "decision": asdict(decision)})
    for arm in arms:
        shutil.rmtree(work / arm, ignore_errors=True)
    return decision


def split(examples: Sequence[Example], config: SftConfig) -> tuple[list[Example], list[Example]]:
    """Rows to teach and rows to ask, apart by digest of question, whatever their order; at most a third are asked."""
    rows = sorted({row.id: row for row in examples}.values(), key=lambda row: (_question(row), row.id))
    ending = [row for row in rows if has_reasoning(row.messages[-1])]
    probes = ending[: min(config.reasoning_probes, len(rows) // 3)]
    asked = {_question(row) for row in probes}
    return [row for row in rows if _question(row) not in asked][: config.reasoning_rows], probes


def judge(keep: Sequence[Mark], strip: Sequence[Mark], questions: Sequence[str] | None = None) -> Decision:
    """Keep only where the paired interval of the gain lies above 0: what is not surely better costs tokens.

    Rows of one question count as one cluster.
    Exactness decides where answers are exact at all; else the right answer's probability a token, which is bounded:
    a mean log-probability would be ruled by the few answers that are sure and wrong.
    """
    hits = [[float(mark.exact) for mark in marks] for marks in (keep, strip)]
    chances = [[mark.probability for mark in marks] for marks in (keep, strip)]
    exact, chance = (paired_interval(with_, without, questions) for with_, without in (hits, chances))
    by_hits = sum(map(sum, hits)) >= _SEEN * 2 * len(keep)
    measure: Literal["exact", "probability"] = "exact" if by_hits else "probability"
    gain, (with_, without) = (exact, hits) if by_hits else (chance, chances)
    choice: Choice = "keep" if gain.low > 0 else "strip"
    why = "surely better" if gain.low > 0 else "surely worse" if gain.high < 0 else "no sure difference"
    note = (
        f"reasoning {'kept' if choice == 'keep' else 'stripped'}: {why} on {gain.n} held-out rows, {_NAMES[measure]} "
        f"{_mean(with_):.3f} with it, {_mean(without):.3f} without, "
        f"difference {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )
    metrics = {
        "reasoning_kept": float(choice == "keep"),
        "reasoning_probes": float(gain.n),
        "reasoning_tokens_keep": _mean([float(mark.tokens) for mark in keep]),
        "reasoning_tokens_strip": _mean([float(mark.tokens) for mark in strip]),
    }
    for name, values, interval in (("exact", hits, exact), ("probability", chances, chance)):
        metrics |= {f"reasoning_{name}_{arm}": _mean(v) for arm, v in zip(("keep", "strip"), values, strict=True)}
        ends = {"gain": interval.value, "gain_low": interval.low, "gain_high": interval.high}
        metrics |= {f"reasoning_{name}_{end}": value for end, value in ends.items()}
        if interval is gain:
            metrics |= {f"reasoning_{end}": value for end, value in ends.items()}
    return Decision(choice, note, measure, gain, metrics)


_NAMES = {"exact": "exact answers", "probability": "the right answer's probability a token"}


def _question(row: Example) -> str:
    """Rows that ask the same are never on both sides."""
    return digest(["reasoning", *(turn.to_json() for turn in stripped(row).messages[:-1])])


def _known(file: Path, key: str) -> Decision | None:
    if not file.is_file():
        return None
    told = json.loads(file.read_text("utf-8"))
    if told["key"] != key:
        return None
    row = told["decision"]
    return Decision(**{**row, "gain": None if row["gain"] is None else Interval(**row["gain"])})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
