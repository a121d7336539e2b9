"""Dates, with their times: numeric, in words, a weekday that is meant; and, apart from them, years. On request only.

A month, an hour or a decade alone tells nothing of a person and is none. A year alone is a kind of its own: where dates
identify, years need not (HIPAA's safe harbour, 45 CFR 164.514(b)(2)(i)(C): "all elements of dates (except year)").
"""

import re

from trimtab.text.pii.kind import Kind, before

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W_])"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1[5-9]|20)\d\d"
_CLOCK = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_HALF = r"[ ]?[ap](?:\.m\.|m(?!\w))"
_TIME = rf"(?:{_CLOCK}(?:{_HALF})?|(?:0?[1-9]|1[0-2]){_HALF})"
_ZONE = r"(?:[ ]?(?:z|utc|gmt|[+-]\d\d:?\d\d)(?!\w))?"
_WITH_TIME = rf"(?:(?:,?[ ](?:at[ ])?|t){_TIME}{_ZONE})?"
_END = r"(?![\w]|[.,:/-]\d)"
_PATTERN = (
    r"(?i:"
    rf"(?:{_WEEKDAY},?[ ])?(?:"
    rf"{_YEAR}(?P<gap>[/.-])\d{{1,2}}(?P=gap)\d{{1,2}}{_WITH_TIME}"
    rf"|\d{{1,2}}(?P<cut>[/.-])\d{{1,2}}(?P=cut)(?:{_YEAR}|\d\d){_WITH_TIME}"
    rf"|{_DAY}(?:[ ]of)?[ -]{_MONTH}\.?(?:(?:,[ ]|[ ,-])(?:{_YEAR}|'\d\d))?{_WITH_TIME}"
    rf"|\d{{1,2}}-{_MONTH}-\d\d"
    rf"|{_MONTH}\.?[ -]{_DAY}(?:,?[ ]{_YEAR}|-{_YEAR})?{_WITH_TIME}"
    rf"|{_MONTH}\.?(?:,?[ -]|[ ]of[ ]){_YEAR}"
    r")"
    rf"|{_WEEKDAY}"
    rf"){_END}"
)
_SURE_YEAR = re.compile(
    r"(?<!\w)(?:in|since|during|year|act of|class of|born|founded|established|circa|ca\.|early|late|mid|spring|summer"
    r"|autumn|fall|winter|©|\(c\))[ ]$",
    re.IGNORECASE,
)
_YEAR_CUE = re.compile(
    r"(?:(?<!\w)(?:of|by|until|till|from|to|and|between|before|after|around|through|a|an|the)[ ]|\()$", re.IGNORECASE
)
_ANY_WEEKDAY = re.compile(
    r"(?<!\w)(?:the|a|an|every|each|any|some|all|of|last|past|first|second|third|fourth|fifth|black|good|super)[ ]$",
    re.IGNORECASE,
)
_A_VERB = re.compile(rf"(?:(?<=\d )|^)(?:may|march|mar)(?!.*{_YEAR})")
"""`5 may`, `march 12`: no dates in lower case without a year."""
_ALONE = re.compile(_WEEKDAY, re.IGNORECASE)
_COUNTED = re.compile(r"[ ]?(?:%|[a-z]+s(?!\w)|(?:and|or)[ ]\d|[x×*/+=]|people|men|women|children|kg|km|cm|ml|mg)")
_NUMERIC = re.compile(r"(?:[^\W\d_]+,?[ ])?(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})")


def _date(match: re.Match[str]) -> int:
    raw = match.group()
    if _ALONE.fullmatch(raw):
        return len(raw) if not (raw.endswith("s") or _ANY_WEEKDAY.search(before(match))) else 0
    return len(raw) if _on_calendar(raw) and not _A_VERB.search(raw) else 0


def _year(match: re.Match[str]) -> int:
    """After ``in`` or ``since`` always; after a weaker cue unless what follows is counted by it."""
    said = before(match)
    weaker = _YEAR_CUE.search(said) and not _COUNTED.match(match.string, match.end())
    return len(match.group()) if weaker or _SURE_YEAR.search(said) else 0


def _on_calendar(raw: str) -> bool:
    """Whether a numeric date, where it is one, has a month and a day; two-digit years are written with slashes."""
    numeric = _NUMERIC.match(raw)
    if not numeric:
        return True
    first, gap, second, last = int(numeric[1]), numeric[2], int(numeric[3]), numeric[4]
    if len(numeric[1]) == 4:
        return 1 <= second <= 12 and 1 <= int(last) <= 31
    small, large = sorted((first, second))
    return 1 <= small <= 12 and large <= 31 and (len(last) == 4 or gap == "/")


_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun"
DATE = Kind("DATE", _PATTERN, (r"\d", rf"(?i:{_NAMES})"), _date)
YEAR = Kind("YEAR", _YEAR + _END, (r"\d",), _year)
