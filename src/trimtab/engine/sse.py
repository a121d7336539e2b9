"""Server-sent events from bytes as they come: where the stream is cut into reads changes nothing."""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST = 1 << 20  # bytes of one line, or of one event: more is no token's


class BadStream(Exception):
    """What came is not what was asked for; the message says what."""


class Events:
    """The data of each event (WHATWG HTML, "Server-sent events", 9.2.6), as soon as its blank line is there.

    Comments and other fields are passed over; an event that the end of the stream cuts short is never given.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._size = 0
        self._after_return = False
        self._begun = False

    def push(self, data: bytes) -> list[str]:
        """The events that ``data`` completes. Raises BadStream for bytes that are no UTF-8, and for endless lines."""
        if self._after_return and data:  # the second half of a line end that was cut in two
            data, self._after_return = data.removeprefix(b"\n"), False
        self._rest += data
        found: list[str] = []
        start = 0
        for end in _LINE_END.finditer(self._rest):
            found += self._line(self._rest[start : end.start()])
            start = end.end()
            self._after_return = end.group() == b"\r" and start == len(self._rest)
        self._rest = self._rest[start:]
        if len(self._rest) > _LONGEST:
            raise BadStream(f"a line of the stream is longer than {_LONGEST} bytes")
        return found

    def _line(self, line: bytes) -> list[str]:
        """The event that a blank line ends, if any."""
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise BadStream("the stream is no UTF-8") from error
        if not self._begun:
            text, self._begun = text.removeprefix("\ufeff"), True
        if not text:
            whole, self._data, self._size = self._data, [], 0
            return ["\n".join(whole)] if whole else []
        field, _, value = text.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
            self._size += len(value)
        if self._size > _LONGEST:
            raise BadStream(f"an event of the stream is longer than {_LONGEST} characters")
        return []
