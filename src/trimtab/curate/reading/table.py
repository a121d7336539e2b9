"""CSV and TSV: a record at a time, at the line where it begins; a quoted cell may span lines."""

import csv
from collections.abc import Iterator, Sequence
from typing import IO

from trimtab.curate.reading.lines import numbered
from trimtab.curate.reading.nested import with_values
from trimtab.curate.reading.raw import LARGEST_ROW, Raw, bad, too_large
from trimtab.records import UserError


def table_rows(file: IO[bytes], name: str, delimiter: str) -> Iterator[Raw]:
    """Every record under the header's names. A bad one comes back with its error, and the next is still read.

    Raises UserError on a header that is none.
    """
    csv.field_size_limit(LARGEST_ROW)  # the module's own limit would refuse cells of 128 KiB
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        begin = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _broken(name, begin, error, lines, delimiter)
            lines.trouble = None
            continue
        if cells is None:
            return
        if columns is None:
            columns = _header(cells, name, begin, lines)
        elif cells or lines.trouble:
            yield _row(columns, cells, name, begin, lines)
        lines.trouble = None


class _Lines:
    """Decoded lines for the csv module; ``trouble`` is what was wrong with one of them since it was last cleared."""

    def __init__(self, file: IO[bytes]) -> None:
        self._lines, self.number = numbered(file), 0
        self.trouble: str | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        if line is None:
            self.trouble = "large"
            return "\n"
        if b"\0" in line:
            self.trouble = "a NUL byte: is the file UTF-16, or cut?"
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.trouble = f"not UTF-8 (byte {error.start + 1})"
            return line.decode(errors="replace")


def _header(cells: Sequence[str], name: str, line: int, lines: _Lines) -> list[str]:
    columns = [cell.strip() for cell in cells]
    if lines.trouble:
        raise UserError(lines.trouble, file=name, line=line, fix="Save the file as UTF-8")
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise UserError(f"two columns are named {twice[0]!r}", file=name, line=line, fix="Rename one of them")
    if not any(columns):
        raise UserError("the header is empty", file=name, line=line, expected="the columns' names in the first line")
    return columns


def _row(columns: Sequence[str], cells: Sequence[str], name: str, line: int, lines: _Lines) -> Raw:
    if lines.trouble == "large":
        return too_large(name, line)
    if lines.trouble:
        return bad(name, line, lines.trouble, fix="Save the file as UTF-8")
    if len(cells) > len(columns):
        return bad(
            name,
            line,
            f"more cells than columns ({len(cells)} for {len(columns)})",
            fix="Quote the cells that hold separators",
        )
    if len(cells) < len(columns):
        message = f"fewer cells than columns ({len(cells)} for {len(columns)})"
        return Raw(name, line, error=UserError(message, file=name, line=line, field=columns[len(cells)]))
    try:
        return Raw(name, line, with_values(dict(zip(columns, cells, strict=True))))
    except UserError as error:
        return Raw(name, line, error=error.at(file=name, line=line))


def _broken(name: str, line: int, error: csv.Error, lines: _Lines, delimiter: str) -> Raw:
    kind = "CSV" if delimiter == "," else "TSV"
    if "unexpected end of data" in str(error):
        return bad(name, line, f"not {kind}: a quote opens here and never closes; nothing after it was read")
    if "new-line character" in str(error):
        return bad(
            name, line, f"not {kind}: a carriage return outside quotes", fix="Save it with \\n or \\r\\n line ends"
        )
    reach = f" (the record reaches line {lines.number})" if lines.number > line else ""
    return bad(name, line, f"not {kind} ({error}){reach}", fix="Quote cells that hold quotes, and double those inside")
