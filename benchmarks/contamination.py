"""Sealed cases planted in 100,000 training rows: how many the quarantine finds, and how many clean rows it blocks."""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contamination_data import (
    FURTHER,
    Questions,
    case,
    changed,
    chat,
    clean_rows,
    embedded,
    further,
    prose,
    reworded,
    split_questions,
)
from benchmarks.pages import Goal, Rows, markdown, show, verdict, write
from trimtab.curate import Quarantine
from trimtab.records import Example, digest
from trimtab.stats import wilson

PAGE = Path("docs/results/contamination")
SHORT = 8
"""Words of a question that counts as short."""
GOALS: dict[str, Goal] = {
    "verbatim": ("at least", 1.0),
    "case and punctuation changed": ("at least", 1.0),
    "every fifth word reworded": ("at least", 0.95),
    "embedded in a longer text": ("at least", 0.95),
    "reworded and embedded": ("at least", 0.95),
}
FALSE_GOAL: Goal = ("at most", 1e-4)
JUDGED = Path(__file__).with_name("contamination_judged.json")
"""What people said of rows blocked in the further sets: the pair's digest -> ``copy``, ``related`` or ``other``."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One row that repeats the sealed case number ``case`` in the way ``kind``."""

    kind: str
    case: int
    row: Example


def plant(sealed: list[str], text: list[str], seed: int = 2) -> list[Planted]:
    """Every case in every way of ``GOALS``, in its order."""
    draw = random.Random(seed)
    fillers = sorted({word for sentence in text[:5000] for word in sentence.split()})

    def same(one: str) -> str:
        return one

    def other_marks(one: str) -> str:
        return changed(one, draw)

    def other_words(one: str) -> str:
        return reworded(one, fillers, draw)

    def within(one: str) -> str:
        return embedded(one, text, draw)

    def both(one: str) -> str:
        return within(other_words(one))

    ways = zip(GOALS, (same, other_marks, other_words, within, both), strict=True)
    return [Planted(kind, i, chat(way(one), draw.choice(text))) for kind, way in ways for i, one in enumerate(sealed)]


def quarantine_of(sealed: list[str]) -> Quarantine:
    """Every question sealed as a case, its number as its line."""
    quarantine = Quarantine()
    for i, question in enumerate(sealed):
        quarantine.add(case(question), "sealed", i)
    return quarantine


def measure(questions: Questions, text: list[str], count: int, more: Sequence[str] = ()) -> dict[str, Any]:
    """Plant among clean rows to ``count`` in all, check everything once, and count; seconds are of that check.

    ``more``: further clean texts, each a row of its own.
    """
    planted, sealed = plant(questions.sealed, text), questions.sealed
    clean = list(clean_rows(questions.others, text, max(count - len(planted), 1)))
    siblings, others = ([chat(one, "I do not know.") for one in part] for part in (questions.siblings, more))
    quarantine = quarantine_of(sealed)
    begun = time.perf_counter()
    hits = quarantine.check_all([*(one.row for one in planted), *clean])
    seconds = time.perf_counter() - begun
    blocked = [(hit, row) for hit, row in zip(hits[len(planted) :], clean, strict=True) if hit]
    strange = [(hit, row) for hit, row in zip(quarantine.check_all(others), others, strict=True) if hit]
    near = [(hit, row) for hit, row in zip(quarantine.check_all(siblings), siblings, strict=True) if hit]
    return {
        "cases": len(sealed),
        "short_cases": sum(len(one.split()) <= SHORT for one in sealed),
        "rows": len(hits),
        "seconds": seconds,
        "found": {kind: _found(kind, planted, hits, sealed) for kind in GOALS},
        "clean": {**_rate(len(blocked), len(clean)), "how": dict(Counter(hit.how for hit, _ in blocked))},
        "further": {**_rate(len(strange), len(others)), "how": dict(Counter(hit.how for hit, _ in strange))},
        **_false([_digest(hit, sealed) for hit, _ in strange], len(blocked), len(clean), len(others)),
        "blocked": _pairs([*blocked, *strange, *near], sealed),
        "siblings": {**_rate(len(near), len(siblings)), "how": dict(Counter(hit.how for hit, _ in near))},
    }


def _found(kind: str, planted: list[Planted], hits: list[Any], sealed: list[str]) -> dict[str, Any]:
    mine = [(one, hit) for one, hit in zip(planted, hits, strict=False) if one.kind == kind]
    short = [hit for one, hit in mine if len(sealed[one.case].split()) <= SHORT]
    named = sum(hit is not None and hit.line == one.case for one, hit in mine)
    return {
        **_rate(sum(hit is not None for _, hit in mine), len(mine)),
        "short": _rate(sum(hit is not None for hit in short), len(short)),
        "named": named,
        "how": dict(Counter(hit.how for _, hit in mine if hit)),
    }


def _rate(successes: int, n: int) -> dict[str, Any]:
    at = wilson(successes, n)
    return {"value": at.value, "count": successes, "n": n, "low": at.low, "high": at.high}


def _pairs(blocked: list[tuple[Any, Example]], sealed: list[str]) -> list[dict[str, str]]:
    """Each blocked row beside the case that it is said to repeat, for people to judge; each pair of texts once."""
    found = {_digest(hit, sealed): {"how": hit.how, "case": sealed[hit.line], "row": hit.text} for hit, _ in blocked}
    return [{"digest": name, **pair} for name, pair in found.items()]


def _digest(hit: Any, sealed: list[str]) -> str:
    return digest([sealed[hit.line], hit.text])


def _false(pairs: Sequence[str], blocked: int, clean: int, others: int) -> dict[str, Any]:
    """False blocks of the further sets and of all rows: what people judged a copy is none, and no clean row either.

    A pair that nobody has judged counts as false.
    """
    known = json.loads(JUDGED.read_text("utf-8"))
    said = Counter(known.get(pair, "not judged") for pair in pairs)
    copies = said["copy"]
    return {
        "judged": dict(said),
        "further_false": _rate(len(pairs) - copies, others - copies),
        "all_false": _rate(blocked + len(pairs) - copies, clean + others - copies),
    }


def tables(numbers: dict[str, Any]) -> list[tuple[str, tuple[str, ...], Rows]]:
    """What was found, and what was blocked wrongly."""
    found = [
        (kind, _said(one), _said(one["short"]), f"{one['named']} of {one['count']}", verdict(one["value"], GOALS[kind]))
        for kind, one in numbers["found"].items()
    ]
    false = [
        ("rows of other sets", _said(numbers["clean"], 5), verdict(numbers["clean"]["value"], FALSE_GOAL)),
        (f"texts of {len(FURTHER)} further sets", _said(numbers["further"], 5), "judged one by one, below"),
        (
            "of these, falsely",
            _said(numbers["further_false"], 5),
            verdict(numbers["further_false"]["value"], FALSE_GOAL),
        ),
        ("both, falsely", _said(numbers["all_false"], 5), verdict(numbers["all_false"]["value"], FALSE_GOAL)),
        ("other questions of the same sets", _said(numbers["siblings"], 5), "shown"),
    ]
    return [
        ("planted", ("a case, planted", "found", "short questions found", "the very case named", "goal"), found),
        ("blocked", ("clean rows", "blocked", "goal"), false),
    ]


def _said(one: dict[str, Any], digits: int = 3) -> str:
    return f"{one['value']:.{digits}f} [{one['low']:.{digits}f}, {one['high']:.{digits}f}] ({one['count']}/{one['n']})"


def page(numbers: dict[str, Any]) -> str:
    """The results page."""
    lines = [
        "# Contamination: what the quarantine finds",
        "",
        f"{numbers['cases']} sealed cases ({numbers['short_cases']} of them questions of four to eight words), each "
        f"planted once in every way among clean rows, {numbers['rows']:,} rows in all; Wilson's 95 % intervals. "
        f"The whole check took {numbers['seconds']:.0f} s on one core.",
        "",
    ]
    for _, columns, rows in tables(numbers):
        lines += [*markdown(columns, rows), ""]
    lines += [
        "Reworded: every fifth word, from a drawn one on, is replaced by a drawn word, deleted or joined by one. "
        "Embedded: two to four sentences before and after. Cases are drawn from NQ-open, BoolQ, GSM8K, MMLU and "
        "PubMedQA. Clean rows come from sets that seal no case, and thresholds were chosen with them in view; the "
        "further ones were looked at once, when every threshold stood but the share of 0.6, which was raised from "
        "0.55 for them. The other questions of the same sets are shown apart, since many of them ask what a sealed "
        "one asks, in other words or about one passage.",
        "",
        "Rows blocked in the further sets were judged one by one: "
        + ", ".join(f"{count} {name}" for name, count in sorted(numbers["judged"].items()))
        + ". A copy of a sealed question is no false block; one that speaks of what it asks (related) is, and so is "
        "one that nobody has judged. `--blocked FILE` writes the pairs for whoever judges again.",
        "",
        "`make bench NAME=contamination` measures again; it needs the shared data sets.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, show, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--blocked", type=Path, help="write the blocked rows beside their cases, to judge them by hand")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    data = arguments.data
    numbers = measure(split_questions(data), prose(data), arguments.rows, further(data))
    blocked = numbers.pop("blocked")
    if arguments.blocked is not None:
        arguments.blocked.write_text(json.dumps(blocked, indent=1, ensure_ascii=False), encoding="utf-8")
    write(arguments.page, page(numbers), numbers)
    if arguments.json:
        keys = {f"found_{kind.replace(' ', '_')}": one["value"] for kind, one in numbers["found"].items()}
        print(json.dumps({**keys, "false_blocks": numbers["all_false"]["value"], "seconds": numbers["seconds"]}))
    else:
        show(tables(numbers))


if __name__ == "__main__":
    main()
