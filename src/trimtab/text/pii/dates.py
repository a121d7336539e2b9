"""Dates and times: numeric, in words, weekdays, years after a cue. Found on request, hidden by nobody unasked."""

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
    rf"|{_WEEKDAY}|{_MONTH}"
    rf"|{_TIME}{_ZONE}"
    rf"|{_YEAR}"
    r")(?![\w]|[.,:/-]\d)"
)
_SURE_YEAR = re.compile(
    r"(?<!\w)(?:in|since|during|year|act of|class of|born|founded|established|circa|ca\.|early|late|mid|spring|summer"
    r"|autumn|fall|winter|©|\(c\))[ ]$",
    re.IGNORECASE,
)
_YEAR_CUE = re.compile(
    r"(?:(?<!\w)(?:of|by|until|till|from|to|and|between|before|after|around|through|a|an|the)[ ]|\()$", re.IGNORECASE
)
_MONTH_CUE = re.compile(r"(?<!\w)(?:in|since|until|till|by|last|next|this|from|to|early|late|mid)[ ]$", re.IGNORECASE)
_TIME_CUE = re.compile(r"(?<!\w)(?:at|from|until|till|by|to|and|around|before|after|between|about)[ ]$", re.IGNORECASE)
_COUNTED = re.compile(r"[ ]?(?:%|[a-z]+s(?!\w)|(?:and|or)[ ]\d|[x×*/+=]|people|men|women|children|kg|km|cm|ml|mg)")
_BARE_YEAR = re.compile(rf"{_YEAR}")
_BARE_CLOCK = re.compile(r"\d{1,2}:\d\d")
_NUMERIC = re.compile(r"(?:[^\W\d_]+,?[ ])?(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})")
_AMBIGUOUS = frozenset(("mar", "may", "march", "dec", "sep", "jan", "oct", "nov", "jun", "jul", "apr", "sun"))


def _date(match: re.Match[str]) -> int:
    raw = match.group()
    if _BARE_YEAR.fullmatch(raw):
        return len(raw) if _is_year(match) else 0
    if _BARE_CLOCK.fullmatch(raw):
        return len(raw) if _TIME_CUE.search(before(match)) else 0
    if raw.casefold() in _AMBIGUOUS:
        return len(raw) if raw[0].isupper() and _MONTH_CUE.search(before(match)) else 0
    return len(raw) if _on_calendar(raw) else 0


def _is_year(match: re.Match[str]) -> bool:
    """After ``in`` or ``since`` always; after a weaker cue unless what follows is counted by it."""
    said = before(match)
    if _SURE_YEAR.search(said):
        return True
    return bool(_YEAR_CUE.search(said)) and not _COUNTED.match(match.string, match.end())


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
