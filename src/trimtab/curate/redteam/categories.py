"""Other people's category names as hazard codes, by one table that a person can read; what it lacks stays unmapped."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def _table() -> Mapping[str, Any]:
    text = (resources.files("trimtab.curate.redteam") / "categories.yaml").read_text("utf-8")
    table: Mapping[str, Any] = yaml.safe_load(text)
    return table


def codes() -> Mapping[str, str]:
    """S1 to S14 with their names, in order."""
    found: Mapping[str, str] = _table()["codes"]
    return found


def mapped(family: str, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``(codes, unmapped names)`` of a row's names in one family of the table; a code or its name stands for itself."""
    table = {name.casefold(): found for name, found in (_table().get(family) or {}).items()}
    own = {code.casefold(): [code] for code in codes()} | {name.casefold(): [code] for code, name in codes().items()}
    found: set[str] = set()
    unmapped: list[str] = []
    for name in names:
        known = table.get(name.strip().casefold(), own.get(name.strip().casefold()))
        found.update(known or ())
        if known is None and name.strip():
            unmapped.append(name.strip())
    return tuple(sorted(found, key=list(codes()).index)), tuple(unmapped)
