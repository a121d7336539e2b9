"""A JSON document of rows, parsed element by element: only one element is held at a time."""

import re
from collections.abc import Iterator
from typing import IO

from trimtab.curate.reading.lines import json_lines, parsed
from trimtab.curate.reading.raw import LARGEST_ROW, Raw, bad, too_large
from trimtab.records import UserError

_CHUNK = 1 << 18
_BOM_BYTES = (b"\xef", b"\xbb", b"\xbf")
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_EXPECTED = "a list of objects, or one object a line"


def json_document(file: IO[bytes], name: str) -> Iterator[Raw]:
    """A list of rows, one row by itself, or JSON Lines under the wrong ending. ``line`` counts rows in a list.

    Raises UserError where it is none of these. An element that is no JSON comes back with its error and the next is
    still read, as long as the brackets balance; where they do not, the last Raw says that the rest was not read.
    """
    first, number = _first_byte(file)
    if first == b"[":
        yield from _array(_chunks(file), name)
    elif first:
        head = first + file.readline(LARGEST_ROW)
        if first != b"{":
            raise parsed(head[:80], name, number).error or UserError(
                "not a list of rows", file=name, expected=_EXPECTED
            )
        yield from _objects(file, head, number, name)


def _first_byte(file: IO[bytes]) -> tuple[bytes, int]:
    """The first byte that is neither white nor part of a byte order mark, and its line."""
    number = 1
    while byte := file.read(1):
        number += byte == b"\n"
        if not byte.isspace() and byte not in _BOM_BYTES:
            break
    return byte, number


def _objects(file: IO[bytes], head: bytes, number: int, name: str) -> Iterator[Raw]:
    """Lines where the first line is whole, else one object over many lines."""
    first = parsed(head, name, number)
    if first.error is None:
        yield first
        yield from (Raw(raw.file, raw.line + number, raw.value, _moved(raw, number)) for raw in json_lines(file, name))
        return
    text = head + file.read(LARGEST_ROW)
    if len(text) > LARGEST_ROW:
        raise too_large(name, 1).error or AssertionError
    whole = parsed(text, name, 1)
    if whole.error is not None:
        lines = text[len(head) :].splitlines(keepends=True)
        rest = [parsed(line, name, number + i) for i, line in enumerate(lines, start=1) if line.strip()]
        if not any(raw.error is None and isinstance(raw.value, dict) for raw in rest):
            raise whole.error
        yield from [first, *rest]
        return
    yield whole


def _moved(raw: Raw, by: int) -> UserError | None:
    error = raw.error
    return error and UserError(
        error.message, file=error.file, line=raw.line + by, expected=error.expected, fix=error.fix
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


class _Elements:
    """Cuts the inside of a list into its elements by their brackets and quotes, chunk after chunk."""

    def __init__(self) -> None:
        self.held, self.at, self.level, self.done = b"", 0, 0, False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The elements that end in this chunk; what follows the list's end stays in ``held``."""
        self.held += chunk
        begun = 0
        for found in _TOKEN.finditer(self.held, self.at):
            token = found[0]
            if token == b'"':  # a text that goes on in the next chunk
                self.at = found.start()
                break
            self.at = found.end()
            if token in (b"[", b"{"):
                self.level += 1
            elif (token == b"," and self.level == 0) or (token in (b"]", b"}") and self.level == 0):
                self.done = token != b","
                yield self.held[begun : found.start()]
                begun = found.end()
                if self.done:
                    break
            elif token in (b"]", b"}"):
                self.level -= 1
        else:
            self.at = len(self.held)
        self.held, self.at = self.held[begun:], self.at - begun


def _array(chunks: Iterator[bytes], name: str) -> Iterator[Raw]:
    elements, number, last = _Elements(), 0, b""
    for chunk in chunks:
        if elements.done:
            last += chunk[:64]
            continue
        for text in elements.feed(chunk):
            if number or text.strip() or not elements.done:
                number += 1
                yield _element(text, name, number)
        if len(elements.held) > LARGEST_ROW:
            yield too_large(name, number + 1)
            return
    last = (elements.held + last) if elements.done else b""
    if not elements.done:
        yield bad(name, number + 1, f"the file ends inside row {number + 1}: it was cut, or a bracket is missing")
    elif last.strip():
        yield bad(name, number + 1, "something follows the end of the list; it was not read", expected="one list")


def _element(text: bytes, name: str, number: int) -> Raw:
    if not text.strip():
        return bad(name, number, "not JSON (nothing between two commas)", expected="an object")
    return parsed(text, name, number)
