"""Text that was UTF-8, read as Windows-1252 and saved again: told from honest text, and read back.

A table of our own and not ftfy: only UTF-8 taken for Windows-1252 or Latin-1 is repaired, run by run, so that what is
honest in the same text is never touched (ftfy re-decodes, uncurls and unescapes whole lines). No dependency.
"""

import re
import unicodedata

_ROUNDS = 4
"""Text can be spoilt more than once."""


def _spelt() -> dict[str, int]:
    """Each byte from 0x80 as Windows-1252 shows it, and as Latin-1 does."""
    table = {chr(byte): byte for byte in range(0x80, 0x100)}
    for byte in range(0x80, 0xA0):
        shown = bytes([byte]).decode("cp1252", errors="ignore")
        if shown:
            table[shown] = byte
    return table


_BYTES = _spelt()


def _class(low: int, high: int) -> str:
    return "[" + "".join(re.escape(char) for char, byte in _BYTES.items() if low <= byte <= high) + "]"


_LEAD_2, _LEAD_3, _LEAD_4, _NEXT = _class(0xC2, 0xDF), _class(0xE0, 0xEF), _class(0xF0, 0xF4), _class(0x80, 0xBF)
_RUN = re.compile(f"(?:{_LEAD_4}{_NEXT}{{3}}|{_LEAD_3}{_NEXT}{{2}}|{_LEAD_2}{_NEXT})+")
_LOST_SPACE = re.compile(r"(?<=[a-z0-9.,;:!?)%])Â(?= |$)")
"""What is left of a no-break space whose second byte became a plain one."""
_CLOSING = frozenset("”’»›“‘«‹…–—®™°ºª¹²³\u00a0·")
"""What honestly follows a letter, so that a pair such as É» may stand as it is."""


def fix_mojibake(text: str) -> str:
    """The text with each spoilt run read back; honest text comes back as it is. Idempotent."""
    if text.isascii():
        return text
    for _ in range(_ROUNDS):
        fixed = _LOST_SPACE.sub("", _RUN.sub(_read_back, text))
        if fixed == text:
            break
        text = fixed
    return text


def _read_back(match: re.Match[str]) -> str:
    run = match.group()
    try:
        read = bytes(_BYTES[char] for char in run).decode("utf-8")
    except UnicodeDecodeError:
        return run
    spoilt = len(read) > 1 or _alone(run, read, match.string, match.start(), match.end())
    return read if spoilt and all(_is_text(char) for char in read) else run


def _is_text(char: str) -> bool:
    """Printable, a space, an invisible mark, or a code that a second round reads."""
    return char.isprintable() or char in _BYTES or unicodedata.category(char) in ("Zs", "Cf")


def _alone(run: str, read: str, text: str, start: int, end: int) -> bool:
    """Whether one sequence by itself is surely spoilt."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if len(run) == 4 or read == "\ufeff":
        return True
    if len(run) == 3:
        punctuation = run[0] == "â" and unicodedata.category(read)[0] in "PSZC"
        return punctuation or after.islower() or not set(run[1:]) <= _CLOSING
    if run[0] in "ÂÃ":
        return not before.isupper() or (read.islower() and after.islower())
    if run[0] in "ÎÏ":
        return not before.isalpha() and not after.isalpha()
    return run[0] in "ÄÅ" and run[1] not in _CLOSING and (before.islower() or after.islower())
