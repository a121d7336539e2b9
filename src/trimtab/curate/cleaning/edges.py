"""The sentence that opens a text and the one that closes it, with where each ends and begins; no whole-text split."""

import re

_REACH = 400
"""Characters in which an opening or a closing sentence is looked for."""
_END = re.compile(r"[.!?。！？:][\"'”’»)\]*_]*(?=\s)|\n")
_NO_END = re.compile(r"(?:^|[\s(\"“])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|No|e\.g|i\.e|\d{1,3})\.$")
_SPACE = re.compile(r"\s*")


def opening_end(text: str, start: int = 0) -> int:
    """Where the first sentence from ``start`` ends: after its mark, at the line's end, or at the end of the text."""
    for end in _END.finditer(text, start, min(len(text), start + _REACH)):
        if end.group() == "\n" or not _NO_END.search(text[max(start, end.start() - 8) : end.end()]):
            return end.start() if end.group() == "\n" else end.end()
    return len(text)


def closing_start(text: str) -> int:
    """Where the last sentence begins: after the last mark or line end that is not the text's own."""
    base = max(0, len(text) - _REACH)
    tail = text[base:].rstrip()
    last = 0 if base == 0 else len(text)
    for end in _END.finditer(tail):
        begin = _after(tail, end.end())
        if begin < len(tail) and (end.group() == "\n" or not _NO_END.search(tail[max(0, end.start() - 8) : end.end()])):
            last = base + begin
    return last


def next_start(text: str, end: int) -> int:
    """Where the text goes on after the sentence that ended at ``end``."""
    return _after(text, end)


def _after(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
