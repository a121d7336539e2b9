"""One row as a file holds it, before anybody asks what it means."""

from dataclasses import dataclass
from typing import Any

from trimtab.records import UserError

LARGEST_ROW = 64 << 20
"""Bytes of one row. What is larger is a file without line ends, or a quote that never closes."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One row as read, or why it could not be. ``line`` counts from 1: lines of text files, rows of the others."""

    file: str
    line: int
    value: Any = None
    error: UserError | None = None


def bad(name: str, line: int, message: str, *, expected: str | None = None, fix: str | None = None) -> Raw:
    """A row that could not be read, with its place."""
    return Raw(name, line, error=UserError(message, file=name, line=line, expected=expected, fix=fix))


def too_large(name: str, line: int) -> Raw:
    return bad(name, line, f"a row of more than {LARGEST_ROW >> 20} MiB", fix="Does the file lack its line ends?")
