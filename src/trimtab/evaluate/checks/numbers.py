"""The number that an answer gives: found where people write it, read exactly as a fraction."""

import re
from fractions import Fraction

_SUFFIX = r"(?:km|cm|mm|m|kg|g|mg|lbs?|oz|l|ml|hrs?|h|mins?|s|ft|in|mph|x|st|nd|rd|th)?"
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_MONEY = r"(?:[$€£]\s?)"
_POWER = r"(?:[eE][+-]?\d{1,2}(?!\d))?"
_PLAIN = rf"-?{_MONEY}?-?(?:{_DIGITS}){_POWER}"
_SCALE = r"(?:\s+(?P<scale>thousand|million|billion)\b)?"
_NUMBER = re.compile(
    rf"(?<![\w.])(?:(?P<whole>-?\d+)\s+(?=\d+/\d))?(?P<top>{_PLAIN})(?:\s?/\s?(?P<bottom>\d+(?:\.\d+)?)(?!\s?/|[\d,]))?"
    rf"{_SUFFIX}(?P<percent>\s?%|\s+percent\b)?(?!\w){_SCALE}"
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_HASHES = re.compile(r"^[ \t]*####[ \t]*(\S.*)$", re.MULTILINE)
_ANSWER = re.compile(r"(?:\banswer\b(?:\s+is\b)?\s*[:=]?|^[ \t]*A[ \t]*:)([^\n]*)", re.IGNORECASE | re.MULTILINE)
_STATED = re.compile(r"^\s*(?:is|:|=)?[^\d\n.;]{0,40}?(?=[-$€£]*\.?\d)", re.IGNORECASE)
_FRAC = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_TEX = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_NOISE = str.maketrans({"−": "-", "–": "-", "‑": "-", "*": " ", "`": " ", "\u00a0": " ", "\u202f": " "})
_LONGEST, _TAIL = 300, 20_000
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


def said_numbers(answer: str) -> tuple[Fraction, ...]:
    """How the number that the answer gives may be read, most literal first; empty where it gives none.

    Looked for in the last ``\\boxed{}``, after ``####``, after "answer", then as the last number of all. 40 % is read
    as 40 and as 2/5, 3 million as 3,000,000 and as 3.
    """
    found = _given(answer[-_TAIL:])
    return () if found is None else _readings(found)


def number_span(answer: str) -> tuple[int, int] | None:
    """Where the number stands that ``said_numbers`` reads; None where there is none, or it is spelled in TeX."""
    found = _given(answer[-_TAIL:])
    start = -1 if found is None else answer.rfind(found["top"])
    return None if found is None or start < 0 else (start, start + len(found["top"]))


def _given(answer: str) -> re.Match[str] | None:
    text = _without_tex(answer)
    for part in (_last(_BOXED, answer), _last(_HASHES, text)):
        if part is not None and (found := _numbers(_without_tex(part))):
            return found[-1]
    for stated in reversed(_ANSWER.findall(text)):
        start = _STATED.match(stated)
        if start is not None and (found := _numbers(stated, start.end())):
            return found[0]
    found = _numbers(text)
    return found[-1] if found else None


def _numbers(text: str, start: int = 0) -> list[re.Match[str]]:
    """What Python reads without complaint: a number of more digits is noise."""
    return [match for match in _NUMBER.finditer(text, start) if match.end() - match.start() <= _LONGEST]


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return found[-1] if found else None


def _without_tex(text: str) -> str:
    """The same numbers in plain writing: fractions with a slash, no spacing commands or emphasis."""
    plain = _TEX.sub(r" \1 ", _FRAC.sub(r"\1/\2", text))
    for mark, to in (("{,}", ","), ("\\,", ""), ("\\!", ""), ("\\%", "%"), ("\\$", "$")):
        plain = plain.replace(mark, to)
    return plain.translate(_NOISE)


def _readings(match: re.Match[str]) -> tuple[Fraction, ...]:
    value = _exact(match["top"])
    if match["bottom"] and (bottom := Fraction(match["bottom"])):
        value /= bottom
    if match["whole"]:
        whole = Fraction(match["whole"])
        value = whole - value if match["whole"].startswith("-") else whole + value
    if match["percent"]:
        return value, value / 100
    if match["scale"]:
        return value * _SCALES[match["scale"]], value
    return (value,)


def _exact(digits: str) -> Fraction:
    return Fraction(re.sub(r"[$€£,\s]", "", digits))
