"""Telephone numbers: by their own shape where it is telling, else after a cue such as `call me on`."""

import re

from trimtab.text.pii.kind import Kind, before

_END = r"(?:[ ]?(?:x|ext\.?|extension)[ ]?\d{1,6})?(?!\w|[.-]\d)"
_TELLING = (
    r"\+\d(?:[ .()/-]{0,3}\d){6,14}"  # international
    r"|00[1-9](?:[ .()/-]{0,2}\d){7,14}"
    r"|(?:1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]?\d{4}"  # an area code apart
    r"|\(\d{2,6}\)[ .-]?\d{3,4}[ .-]?\d{3,4}"
    r"|0[1-9](?:[ -]?\d){7,9}|0[1-9](?:\.\d\d){4}"  # a trunk zero
)
_RUN = r"\(?\d(?:[ ./-]?[()]?\d){6,14}"
"""Seven to fifteen digits, however grouped (E.164 allows fifteen)."""

_CUE = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:phone|telephone|tel|mobile|mob|cell|cellphone|landline|call|called|calling|ring|dial|dialling|dialing|fax"
    r"|whatsapp|sms|text|pager|hotline|helpline|voicemail|answer|answering|reach|reached|contact|contacted)"
    r"(?:[ _]?(?:number|no|nr|num|line))?(?:[ ](?:is|was))?"
    r"|(?:my|his|her|our|your|their)[ ](?:new[ ]|old[ ]|other[ ])?number(?:[ ](?:is|was))?"
    r"|(?:desk|office|home|work|direct|switchboard|extension|ph|t|m|f|p)[ ]?(?=:)"
    r")\W{1,5}"
    r"(?:(?:me|us|him|her|them|you|back|at|on|via|to|under|through|the|this|my|your|his|their|our|number|no\.?"
    r"|is|please|phone|mobile|cell)[:,]?[ ]){0,5}$",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
_TELLS = re.compile(f"(?:{_TELLING}){_END}")
_EXTENSION = re.compile("[xe]", re.IGNORECASE)


def _phone(match: re.Match[str]) -> int:
    """The length of a number of seven to fifteen digits that is no date; a trunk zero needs at least nine."""
    telling = _TELLS.match(match.string, match.start())
    if telling and _fits(telling.group(), 9 if telling.group().startswith("0") else 7):
        return len(telling.group())
    run = match.group()
    return len(run) if _fits(run, 7) and _balanced(run) and _CUE.search(before(match)) else 0


def _fits(raw: str, least: int) -> bool:
    digits = sum(char.isdecimal() for char in _EXTENSION.split(raw)[0])
    return least <= digits <= 15 and not _DATE.match(raw)


def _balanced(raw: str) -> bool:
    return raw.count("(") == raw.count(")") <= 1


PHONE = Kind("PHONE", f"(?:{_TELLING}|{_RUN}){_END}", (r"[+(]?\d(?:[ .()/-]{0,3}\d){5}",), _phone)
