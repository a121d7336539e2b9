"""In which language a text is, told by its script, and among Latin ones by their commonest words."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from trimtab.text import words

_SCRIPTS = {
    "ar": "ARABIC", "fa": "ARABIC", "ur": "ARABIC", "bn": "BENGALI", "bg": "CYRILLIC", "ru": "CYRILLIC",
    "el": "GREEK", "gu": "GUJARATI", "pa": "GURMUKHI", "he": "HEBREW", "hi": "DEVANAGARI", "mr": "DEVANAGARI",
    "ne": "DEVANAGARI", "kn": "KANNADA", "ko": "HANGUL", "ta": "TAMIL", "te": "TELUGU", "th": "THAI",
    "ja": "HIRAGANA", "zh": "CJK",
}  # fmt: skip
_COMMON = {
    "en": "the and of to is in that it for with are you this not be on as have",
    "de": "der die und das ist in den zu nicht mit ein eine von es auf sich für sie ich",
    "fr": "le la les et est de des un une dans que pour pas vous je qui sur avec du",
    "es": "el la los las y es de un una en que por para con no se su del lo",
    "it": "il la che di e un una per non con sono si gli del della le come più è",
    "pt": "o a os as e é de um uma em que por para com não se do da no",
    "nl": "de het een en van is in dat niet op met voor zijn te ik je er maar",
    "fi": "ja on ei se että oli hän kun mutta niin ovat myös joka sen minä sinä",
    "vi": "và là của có không cho được một các những trong người với này đã",
    "sw": "na ya wa kwa ni katika za la kuwa hii yake kama watu hiyo sana",
}
_SHARE = 0.5
"""Of a text's letters, those that its language's script must have."""

LANGUAGES = (*_SCRIPTS, *_COMMON)


def language_is(text: str, code: str) -> bool:
    """Whether most letters are of the language's script, or its common words are the most of any Latin language's.

    Languages of one script (Hindi, Marathi) are not told apart. Raises ValueError on a language that is not known.
    """
    if code in _SCRIPTS:
        letters = [letter for letter in text if letter.isalpha()]
        own = sum(1 for letter in letters if _SCRIPTS[code] in unicodedata.name(letter, ""))
        return bool(letters) and own > _SHARE * len(letters) * (0.4 if code == "ja" else 1.0)
    if code not in _COMMON:
        raise ValueError(f"the language {code!r}")
    said = words(text)
    hits = {name: sum(1 for word in said if word in set(common.split())) for name, common in _COMMON.items()}
    return hits[code] > 0 and hits[code] == max(hits.values())


def _language(answer: str, rule: Mapping[str, Any]) -> bool:
    return language_is(answer, str(rule["code"]))


RULES = {"language": _language}
