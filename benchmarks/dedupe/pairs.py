"""Pairs that people made, duplicates or not: how many are found, and how many wrongly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dedupe.documents import THRESHOLD
from trimtab.curate.dedupe import near_duplicates
from trimtab.curate.reading import read_raw
from trimtab.stats import wilson
from trimtab.text import shingles

PAIR_COLUMNS = ("set", "from", "numbers matter", "duplicates", "recall [95 %]", "others", "taken for duplicates")
SETTINGS = ((THRESHOLD, True), (THRESHOLD, False), (0.5, False))


@dataclass(frozen=True, slots=True)
class Found:
    """``right`` of ``alike`` duplicates found; ``wrong`` of ``unlike`` other pairs taken for duplicates."""

    name: str
    threshold: float
    numbers_matter: bool
    alike: int
    right: int
    unlike: int
    wrong: int


def found_in(folder: Path) -> list[Found]:
    """A row for each file and setting; none where the data are absent."""
    files = sorted(folder.glob("*.jsonl*")) if folder.is_dir() else []
    return [_measured(file, threshold, matter) for file in files for threshold, matter in SETTINGS]


def pair_row(row: Found) -> tuple[str, ...]:
    matter = "yes" if row.numbers_matter else "no"
    shares = (str(row.alike), _share(row.right, row.alike), str(row.unlike), _share(row.wrong, row.unlike))
    return (row.name, f"{row.threshold:g}", matter, *shares)


def precision_said(rows: Sequence[Found]) -> str:
    """Right ones among all that were taken for duplicates, by setting."""
    said = []
    for threshold, matter in SETTINGS:
        some = [row for row in rows if (row.threshold, row.numbers_matter) == (threshold, matter)]
        right = sum(row.right for row in some)
        share = _share(right, right + sum(row.wrong for row in some))
        said.append(f"from {threshold:g}{' with numbers' if matter else ''} {share}")
    return "Precision over all three: " + "; ".join(said) + "."


def one(a: str, b: str, threshold: float, *, numbers_matter: bool) -> bool:
    """Whether ``b`` gives way to ``a``."""
    both = shingles([a, b])
    return bool(near_duplicates(both, threshold, both.numbers if numbers_matter else None).of[1] == 0)


def _measured(file: Path, threshold: float, matter: bool) -> Found:
    said = [(bool(row["label"]), one(row["a"], row["b"], threshold, numbers_matter=matter)) for row in _rows(file)]
    alike, unlike = ([found for label, found in said if label is kind] for kind in (True, False))
    return Found(file.name.split(".")[0], threshold, matter, len(alike), sum(alike), len(unlike), sum(unlike))


def _rows(file: Path) -> Iterator[Any]:
    return (raw.value for raw in read_raw(file))


def _share(count: int, of: int) -> str:
    if not of:
        return "-"
    share = wilson(count, of)
    return f"{count}: {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]"
