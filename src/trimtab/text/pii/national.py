"""Numbers that states and banks give to people: told by a checksum, by a cue, or by both where one is weak."""

import re

from trimtab.text.pii.checksums import aba, abn, dea, digits_of, italian, luhn, nhs, nric, pesel, spanish, tfn, verhoeff
from trimtab.text.pii.kind import Check, Kind, always, cued, whole

_END = r"(?![\w-])"
_DIGITS = (r"\d{2}",)
_CODE = (r"[A-Za-z]{1,6}[ -]?\d",)
_EITHER = (*_DIGITS, *_CODE)


def _aadhaar(match: re.Match[str]) -> int:
    """In fours by its checksum alone; in one piece only after a cue."""
    return (_AADHAAR_GROUPED if " " in match.group() else _AADHAAR_CUED)(match)


_AADHAAR_GROUPED: Check = whole(verhoeff)
_AADHAAR_CUED: Check = cued(r"aadhaar|aadhar|uidai|uid", verhoeff)

NATIONAL = (
    Kind("SSN", rf"(?!000|666|9)\d{{3}}(?P<sep>[ -])(?!00)\d{{2}}(?P=sep)(?!0000)\d{{4}}{_END}", _DIGITS, always),
    Kind("ITIN", rf"9\d{{2}}[ -](?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])[ -]\d{{4}}{_END}", _DIGITS, always),
    Kind("AADHAAR", r"[2-9]\d{3}(?P<in_fours> ?)\d{4}(?P=in_fours)\d{4}(?![\w-]| \d)", _DIGITS, _aadhaar),
    Kind("PAN", rf"[A-Z]{{3}}[ABCFGHJLPT][A-Z]\d{{4}}[A-Z]{_END}", _CODE, always),
    Kind(
        "NINO",
        rf"(?!BG|GB|NK|KN|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){{3}} ?[A-D]{_END}",
        _CODE,
        always,
    ),
    Kind("NIF", rf"(?:\d{{8}}|[XYZ]-?\d{{7}})-?[A-Z]{_END}", _EITHER, whole(spanish)),
    Kind("FISCAL", rf"(?i:[A-Z]{{6}}\d\d[ABCDEHLMPRST]\d\d[A-Z]\d{{3}}[A-Z]){_END}", _CODE, whole(italian)),
    Kind("NRIC", rf"[STFGM]\d{{7}}[A-Z]{_END}", _CODE, whole(nric)),
    Kind("NHS", rf"\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}}{_END}", _DIGITS, cued("nhs", nhs)),
    Kind("TFN", rf"\d{{3}} ?\d{{3}} ?\d{{3}}{_END}", _DIGITS, cued(r"tfn|tax file", tfn)),
    Kind("ABN", rf"\d\d ?\d{{3}} ?\d{{3}} ?\d{{3}}{_END}", _DIGITS, cued(r"abn|business number", abn)),
    Kind("PESEL", rf"\d{{11}}{_END}", _DIGITS, cued("pesel", pesel)),
    Kind("SIN", rf"\d{{3}}[ -]?\d{{3}}[ -]?\d{{3}}{_END}", _DIGITS, cued(r"sin|social insurance", luhn)),
    Kind("IMEI", rf"\d{{2}}[ -]?\d{{6}}[ -]?\d{{6}}[ -]?\d{_END}", _DIGITS, cued("imei", luhn)),
    Kind("ROUTING", rf"\d{{4}}-?\d{{4}}-?\d{_END}", _DIGITS, cued(r"routing|aba|rtn", aba)),
    Kind("MEDICAL", rf"[A-HJ-MPR-UX][A-Z9]\d{{7}}{_END}", _CODE, cued(r"dea|medical|prescriber|physician", dea)),
    Kind("PASSPORT", rf"[A-Za-z]{{0,2}}\d{{6,9}}{_END}", _EITHER, cued("passport")),
    Kind(
        "LICENCE",
        rf"(?=[A-Za-z]{{0,5}}-?\d)[A-Za-z0-9](?:-?[A-Za-z0-9]){{5,19}}{_END}",
        (*_EITHER, r"\d-?[A-Za-z0-9]"),
        cued(r"driv(?:er|ing|er'?s)(?:'s)?[ ]licen[cs]e", lambda text: len(digits_of(text)) >= 4),
    ),
)
"""In the order in which they are tried where several begin at one place."""

BANK = Kind(
    "BANK",
    rf"\d[\d -]{{4,18}}\d{_END}",
    (r"\d[\d -]",),
    cued(r"bank account|account (?:number|no)|acct|sort code|a/c"),
)
"""Last of all: any digits after such a cue that are nothing surer."""
