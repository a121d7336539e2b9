"""A suite: sealed cases under one name and one digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from trimtab.records import Case, UserError, case_from_json, digest, iter_jsonl

REDTEAM = "redteam"


@dataclass(frozen=True, slots=True)
class Suite:
    """``digest`` covers every case with its labels, whatever their order."""

    name: str
    cases: tuple[Case, ...]
    digest: str


def load_suite(paths: Sequence[Path], name: str = "sealed", limit: int | None = None) -> Suite:
    """The cases of JSON Lines files. Raises UserError with file and line, and where there is no case."""
    return make_suite(chain.from_iterable(read_cases(path) for path in paths), name, limit)


def read_cases(path: Path) -> list[Case]:
    """The cases of one file. Raises UserError with file and line, also on two equal cases: one was not meant.

    Across files the same case may stand twice (a shard and the sealed side of its source): there the first stays.
    """
    seen: dict[str, int] = {}
    cases = []
    for line, row in iter_jsonl(path):
        try:
            case = case_from_json(row)
        except UserError as error:
            raise error.at(file=path, line=line) from error
        if (first := seen.setdefault(case.id, line)) != line:
            raise UserError(f"the same case as line {first}", file=path, line=line, fix="Delete one of the two lines")
        cases.append(case)
    if not cases:
        raise UserError("no case to evaluate", file=path, field="cases", expected="one case a line")
    return cases


def make_suite(cases: Iterable[Case], name: str = "sealed", limit: int | None = None) -> Suite:
    """A suite of distinct cases: of two with one id the first stays. ``limit`` keeps so many, spread over kinds."""
    distinct = tuple({case.id: case for case in reversed(list(cases))}.values())[::-1]
    if not distinct:
        raise UserError("no case to evaluate", field="cases", fix="Name at least one file of cases")
    kept = distinct if limit is None or limit >= len(distinct) else _spread(distinct, limit)
    return Suite(name, kept, digest(sorted(digest(case.to_json()) for case in kept)))


def is_redteam(case: Case) -> bool:
    """Whether the case is an attack (``labels.suite = redteam``)."""
    return case.labels.get("suite") == REDTEAM


def _spread(cases: Sequence[Case], limit: int) -> tuple[Case, ...]:
    """The first ``limit`` cases by id, one kind after the other: the same whatever the file's order."""
    kinds: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.id):
        kinds.setdefault((str(case.labels.get("kind", "")), case.expected.action), []).append(case)
    rounds = chain.from_iterable(zip_longest(*(kinds[kind] for kind in sorted(kinds))))
    return tuple([case for case in rounds if case is not None][:limit])
