"""Check digits: the arithmetic that tells an issued number from a run of digits."""

import hashlib
import ipaddress
from collections.abc import Sequence

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
_VERHOEFF_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_ITALIAN_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ITALIAN_REST = (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ITALIAN_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_ITALIAN_DIGITS, *_ITALIAN_DIGITS, *_ITALIAN_REST), strict=True)
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_TFN = (1, 4, 3, 7, 5, 8, 6, 9, 10)
_ABN = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
_PESEL = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
_NHS = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_ABA = (3, 7, 1, 3, 7, 1, 3, 7, 1)


def digits_of(text: str) -> list[int]:
    return [int(char) for char in text if char.isdecimal()]


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1, annex B; one digit repeated is no number."""
    digits = digits_of(text)
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def card(text: str) -> bool:
    """Luhn's check, and an issuer's prefix at a length that it issues (ISO/IEC 7812)."""
    digits = "".join(char for char in text if char.isdecimal())
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    issued = (
        (two in (34, 37) and length == 15)
        or (two in (30, 36, 38, 39) and length in (14, 16))
        or (digits[0] == "4" and length in (13, 16, 19))
        or ((51 <= two <= 55 or 2221 <= four <= 2720 or two == 35) and length == 16)
        or (four in (1800, 2131) and length == 15)
        or ((two in (50, 56, 57, 58) or digits[0] == "6") and 12 <= length <= 19)
    )
    return issued and luhn(digits)


def iban_length(text: str) -> int:
    """How many characters of ``text``, gaps included, are one country's IBAN (ISO 13616); 0 for none."""
    wanted = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    kept = [i for i, char in enumerate(text) if char.isalnum()][:wanted]
    if not wanted or len(kept) < wanted:
        return 0
    code = "".join(text[i] for i in kept).upper()
    return kept[-1] + 1 if int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1 else 0


def verhoeff(text: str) -> bool:
    """Verhoeff's dihedral check (D5), as Aadhaar numbers carry it."""
    total = 0
    for position, digit in enumerate(reversed(digits_of(text))):
        for _ in range(position % 8):
            digit = _VERHOEFF_PERMUTATION[digit]
        total = _dihedral(total, digit)
    return total == 0


def ip_address(text: str) -> bool:
    """An address that says something: not ``::`` alone with one group."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "." in text or sum(bool(group) for group in text.split(":")) > 1


def wallet(text: str) -> bool:
    """Bitcoin by Base58Check or Bech32's checksum (BIP 173, BIP 350); Ethereum by its form alone."""
    if text.startswith("0x"):
        return len(set(text.casefold())) > 8
    if text[:3].casefold() == "bc1":
        return text in (text.lower(), text.upper()) and _bech32(text.lower())
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _bech32(text: str) -> bool:
    values = [_BECH32.find(char) for char in text[3:]]
    if -1 in values:
        return False
    check = 1
    for value in [3, 3, 0, 2, 3, *values]:  # the prefix "bc", spread as BIP 173 says
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


def spanish(text: str) -> bool:
    """NIF and NIE: the letter is the number modulo 23."""
    code = "".join(char for char in text.upper() if char.isalnum())
    number = {"X": "0", "Y": "1", "Z": "2"}.get(code[0], code[0]) + code[1:-1]
    return number.isdecimal() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def italian(text: str) -> bool:
    """Codice fiscale: its sixteenth character is a checksum (D.M. 23/12/1976)."""
    code = text.upper()
    odd = sum(_ITALIAN_ODD[char] for char in code[0:15:2])
    even = sum(int(char) if char.isdecimal() else ord(char) - 65 for char in code[1:15:2])
    return chr(65 + (odd + even) % 26) == code[15]


def nric(text: str) -> bool:
    """Singapore's NRIC and FIN: a letter by weighted sum, from a table by series."""
    code = text.upper()
    total = _weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    table = "JZIHGFEDCBA" if code[0] in "ST" else "XWUTRQPNMLK" if code[0] in "FG" else "KLJNPQRTUWX"
    return table[10 - total % 11 if code[0] == "M" else total % 11] == code[-1]


def tfn(text: str) -> bool:
    return _weighted(text, _TFN) % 11 == 0


def abn(text: str) -> bool:
    digits = digits_of(text)
    return (_weighted(text, _ABN) - _ABN[0]) % 89 == 0 and digits[0] > 0


def nhs(text: str) -> bool:
    return _weighted(text, _NHS) % 11 == 0


def pesel(text: str) -> bool:
    return _weighted(text, _PESEL) % 10 == 0


def aba(text: str) -> bool:
    """A US bank's routing number."""
    return _weighted(text, _ABA) % 10 == 0


def dea(text: str) -> bool:
    """A US prescriber's registration: d1+d3+d5 + 2(d2+d4+d6) ends in d7."""
    digits = digits_of(text)[-7:]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def _weighted(text: str, weights: Sequence[int]) -> int:
    return sum(weight * digit for weight, digit in zip(weights, digits_of(text), strict=True))


def _dihedral(one: int, other: int) -> int:
    """The product in D5, numbered as Verhoeff did: 0-4 rotations, 5-9 reflections."""
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other) % 5
    return 5 + (one - other) % 5 if other < 5 else (one - other) % 5
