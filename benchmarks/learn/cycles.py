"""Five preference cycles, each from the last one's model: drift with and without refreshes and a fixed anchor."""

from pathlib import Path

from benchmarks.learn.data import grounded
from benchmarks.learn.measure import read_cases
from benchmarks.learn.preference import split
from benchmarks.learn.result import Panel, Place, Point, Result
from trimtab.curate import SEARCH_TOOL
from trimtab.records import Case, Comparison, Example
from trimtab.train import DriftControl, PreferenceConfig, SftConfig, train_dpo, train_sft
from trimtab.train.drift.measures import Measured, Reading

CYCLES, PAIRS, PROBES, TAUGHT = 5, 40, 48, 96
FREE = PreferenceConfig(learning_rate=2e-5, rows_per_step=8, token_budget=2048, max_tokens=1024, bad_rows="drop")
HELD = FREE.model_copy(update={"reference": "fixed", "refresh_every": 2, "refresh_steps": 1, "refresh_rate": 2e-5})
TEACH = SftConfig(learning_rate=1e-4, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")
MEASURES = {"kl": "KL to the anchor, nats a token", "ead": "EAD of the answers", "ece": "ECE of the answers"}


def run(place: Place) -> Result:
    """KL, EAD and ECE on grounded questions after each cycle, in both arms."""
    examples, cases = grounded(place.data)
    probes, taught = cases[:PROBES], examples[:TAUGHT]
    anchor = place.work / "sft"
    train_sft(place.model, taught, TEACH, work=anchor / "work", out=anchor / "model")
    arms = {
        "free": _arm(place, "free", anchor / "model", FREE, taught, probes),
        "refreshed and anchored": _arm(place, "held", anchor / "model", HELD, taught, probes),
    }
    panels = tuple(
        Panel(title, "cycle", title.split(",")[0], {name: _series(readings, key) for name, readings in arms.items()})
        for key, title in MEASURES.items()
    )
    free, held = (readings[-1] for readings in arms.values())
    figures = {f"correct_{name}": readings[-1]["correct"].value for name, readings in arms.items()}
    claim = "Over five cycles refreshes and a fixed anchor hold KL to the anchor below the free run's, intervals apart"
    return Result(claim, _high(held["kl"]) < _low(free["kl"]), panels, figures)


def _arm(
    place: Place, name: str, anchor: Path, config: PreferenceConfig, taught: list[Example], probes: list[Case]
) -> list[Reading]:
    """The anchor's reading, and that of each cycle's model."""
    model, readings = anchor, [read_cases(anchor, anchor, probes, (SEARCH_TOOL,), 64)]
    for cycle, pairs in enumerate(_cycles(place.data)):
        folder = place.work / f"{name}-{cycle}"
        control = DriftControl(anchor_folder=anchor, refresh=taught)
        train_dpo(model, pairs, config, work=folder / "work", out=folder / "model", control=control)
        model = folder / "model"
        readings.append(read_cases(model, anchor, probes, (SEARCH_TOOL,), 64))
    return readings


def _cycles(data: Path) -> list[list[Comparison]]:
    """Five slices of the preference set, none shared."""
    train, _ = split(data)
    return [train[start : start + PAIRS] for start in range(0, CYCLES * PAIRS, PAIRS)]


def _series(readings: list[Reading], key: str) -> tuple[Point, ...]:
    found = [(cycle, reading[key]) for cycle, reading in enumerate(readings) if key in reading]
    return tuple(_point(cycle, one, known=key == "kl" and not cycle) for cycle, one in found)


def _point(cycle: int, one: Measured, *, known: bool) -> Point:
    """``known``: the anchor's KL to itself, which is no estimate."""
    low, high = (one.value, one.value) if known else (_low(one), _high(one))
    return Point(cycle, one.value, low, high, one.n)


def _low(measured: Measured) -> float:
    return measured.value if measured.low is None else measured.low


def _high(measured: Measured) -> float:
    return measured.value if measured.high is None else measured.high
