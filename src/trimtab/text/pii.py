"""Personal data found in one pass: e-mail, IBAN, card, SSN, IP address, telephone; and put out of sight."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT",
    }.items()
    for country in countries.split()
}
_PATTERNS = {
    "EMAIL": r"\w[\w.%+'-]{0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}",
    "IBAN": r"[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,36}",
    "CARD": r"[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])",
    "SSN": r"(?!000|666|9)\d{3}(?P<gap>[ -])(?!00)\d{2}(?P=gap)(?!0000)\d{4}(?![\w-])",
    "IP": r"(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])",
    "PHONE": (
        r"(?:\+\d(?:[ .()/-]{0,3}\d){6,14}"  # international
        r"|00[1-9](?:[ .()/-]{0,2}\d){7,14}"
        r"|(?:1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]?\d{4}"  # an area code apart
        r"|\(0\d{1,5}\)[ .-]?\d{3,4}[ .-]?\d{3,4}"
        r"|0[1-9](?:[ -]?\d){7,9}|0[1-9](?:\.\d\d){4}"  # a trunk zero
        r"|(?i:phone|telephone|tel|mobile|cell|call|fax|whatsapp|sms|text)"  # any run of digits after a cue
        r"(?i:[ ]number)?(?i:[ ]is)?\W{1,4}(?i:(?:me|us|at|on|no\.?)[ ]){0,3}"
        r"(?P<cued>\d(?:[ .-]?\d){6,14}(?![ .-]?\d)))"
        r"(?:[ ]?(?:x|ext\.?|extension)[ ]?\d{1,6})?(?![\w]|[.-]\d)"
    ),
}
"""What each kind looks like, the surest first: where two begin at one place, the first that checks out wins."""

_START = r"(?<![\w#$€£])(?<!\w[.@/-])"
"""Personal data begins a word: never inside an order number, a price or a path."""


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` is personal data of this kind."""

    start: int
    end: int
    kind: str
    text: str


def pii_spans(text: str) -> list[Span]:
    """Personal data in order, never overlapping. Cards pass Luhn, IBANs mod 97 and their country's length.

    Names and addresses are not looked for; URLs are no personal data.
    """
    if not _POSSIBLE.search(text):
        return []
    found, position = [], 0
    while match := _ANY.search(text, position):
        span = _checked(match, text)
        if span:
            found.append(span)
        position = span.end if span else match.start() + 1
    return found


def scrub(text: str) -> str:
    """The text with each personal datum replaced by ``<KIND_n>``; equal data get equal numbers within one text."""
    parts, numbers, end = [], dict[tuple[str, str], int](), 0
    for span in pii_spans(text):
        key = (span.kind, re.sub(r"[\s().-]", "", span.text).casefold())
        taken = sum(1 for kind, _ in numbers if kind == span.kind)
        number = numbers.setdefault(key, taken + 1)
        parts += [text[end : span.start], f"<{span.kind}_{number}>"]
        end = span.end
    return "".join(parts) + text[end:]


def _checked(match: re.Match[str], text: str) -> Span | None:
    """The span of the first kind, from the matched one down, whose check holds at this place."""
    kinds = list(_PATTERNS)
    for kind in kinds[kinds.index(str(match.lastgroup)) :]:
        candidate = _EACH[kind].match(text, match.start())
        length = _CHECKS[kind](candidate) if candidate else 0
        if candidate and length:
            start = candidate.start("cued") if kind == "PHONE" and candidate["cued"] else candidate.start()
            return Span(start, start + length, kind, text[start : start + length])
    return None


def _email(match: re.Match[str]) -> int:
    return len(match.group())


def _iban(match: re.Match[str]) -> int:
    """The length, with its gaps, of as much as is one country's IBAN (ISO 13616)."""
    raw = match.group()
    wanted = _IBAN_LENGTHS.get(raw[:2].upper(), 0)
    kept = [i for i, char in enumerate(raw) if char.isalnum()][:wanted]
    if not wanted or len(kept) < wanted:
        return 0
    end = kept[-1] + 1
    if (match.string[match.start() + end : match.start() + end + 1] or " ").isalnum():
        return 0
    code = "".join(raw[i] for i in kept).upper()
    return end if int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1 else 0


def _card(match: re.Match[str]) -> int:
    """Luhn's check."""
    digits = [int(char) for char in match.group() if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    valid = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1
    return len(match.group()) if valid else 0


def _ssn(match: re.Match[str]) -> int:
    return len(match.group())


def _ip(match: re.Match[str]) -> int:
    raw = match.group()
    try:
        ipaddress.ip_address(raw)
    except ValueError:
        return 0
    telling = "." in raw or sum(bool(group) for group in raw.split(":")) > 1
    return len(raw) if telling else 0


def _phone(match: re.Match[str]) -> int:
    """Seven to fifteen digits (E.164) that are no date; a trunk zero needs at least nine."""
    raw = match.group()[match.start("cued") - match.start() :] if match["cued"] else match.group()
    digits = sum(char.isdigit() for char in re.split("[xe]", raw)[0])
    least = 9 if raw.startswith("0") else 7
    return len(raw) if least <= digits <= 15 and not _DATE.match(raw) else 0


_CHECKS: dict[str, Callable[[re.Match[str]], int]] = {
    "EMAIL": _email,
    "IBAN": _iban,
    "CARD": _card,
    "SSN": _ssn,
    "IP": _ip,
    "PHONE": _phone,
}
_POSSIBLE = re.compile(r"[@\d]")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d(?!\d)")
_EACH = {kind: re.compile(_START + f"(?:{pattern})") for kind, pattern in _PATTERNS.items()}
_ANY = re.compile(_START + "(?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()) + ")")
