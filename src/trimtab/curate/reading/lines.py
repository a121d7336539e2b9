"""JSON Lines: one object a line, a line at a time."""

from collections.abc import Iterator
from typing import IO

from trimtab.curate.reading.raw import LARGEST_ROW, Raw, bad, too_large
from trimtab.records import strict_loads

_BOM = b"\xef\xbb\xbf"


def json_lines(file: IO[bytes], name: str) -> Iterator[Raw]:
    """Every line that is not blank. A bad one comes back with its error, and the next is still read."""
    for number, line in numbered(file):
        if line is None:
            yield too_large(name, number)
        elif line.strip():
            yield parsed(line, name, number)


def numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """``(number from 1, line)``, a byte order mark taken off; None stands for a line beyond ``LARGEST_ROW``."""
    number = 0
    while line := file.readline(LARGEST_ROW + 1):
        number += 1
        if len(line) > LARGEST_ROW:
            while line and not line.endswith(b"\n"):
                line = file.readline(LARGEST_ROW)
            yield number, None
        else:
            yield number, line.removeprefix(_BOM) if number == 1 else line


def parsed(raw: bytes, name: str, number: int) -> Raw:
    """The row of one JSON text."""
    try:
        return Raw(name, number, strict_loads(raw.decode()))
    except UnicodeDecodeError as error:
        return bad(name, number, f"not UTF-8 (byte {error.start + 1})", fix="Save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return bad(name, number, f"not JSON ({_reason(raw, error)})", expected="one object a line")


def _reason(raw: bytes, error: Exception) -> str:
    text = raw.lstrip()
    if b"\xef\xbb\xbf" in raw[:8]:
        return "a byte order mark inside the file: were two files joined?"
    if text[:1] == b"'" or text[:2] == b"{'":
        return "single quotes: was it written with Python's str() instead of json.dumps()?"
    return str(error)
