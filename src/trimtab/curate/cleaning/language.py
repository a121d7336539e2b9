"""The language of a text: by script, and by small words in Latin script; or by py3langid, where that is asked for."""

import importlib
import re
from collections.abc import Callable
from typing import Any

from trimtab.curate.cleaning.function_words import FUNCTION_WORDS
from trimtab.records import UserError

_SCRIPTS = {
    "Latn": "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff",
    "Cyrl": "\u0400-\u052f",
    "Grek": "\u0370-\u03ff\u1f00-\u1fff",
    "Arab": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Hebr": "\u0590-\u05ff",
    "Deva": "\u0900-\u097f",
    "Beng": "\u0980-\u09ff",
    "Taml": "\u0b80-\u0bff",
    "Telu": "\u0c00-\u0c7f",
    "Thai": "\u0e00-\u0e7f",
    "Geor": "\u10a0-\u10ff",
    "Armn": "\u0530-\u058f",
    "Ethi": "\u1200-\u137f",
    "Hang": "\uac00-\ud7af\u1100-\u11ff",
    "Kana": "\u3040-\u30ff",
    "Hani": "\u3400-\u4dbf\u4e00-\u9fff",
}
_PATTERNS = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
_ONE_LANGUAGE = {"Grek": "el", "Hebr": "he", "Thai": "th", "Geor": "ka", "Armn": "hy", "Hang": "ko", "Kana": "ja"}
_ONE_LANGUAGE |= {"Taml": "ta", "Telu": "te", "Beng": "bn"}
_SAMPLE = 400
_SHORTEST = 20
"""Letters below which a language is not told."""
UNKNOWN = "und"
_WORD = re.compile(r"[^\W\d_]+")
_OF_WORD: dict[str, list[str]] = {}
for _language, _words in FUNCTION_WORDS.items():
    for _word in _words.split():
        _OF_WORD.setdefault(_word, []).append(_language)

Identify = Callable[[str], str]


def script_of(text: str) -> str:
    """The ISO 15924 code of the script of most letters (Japanese with its Han signs is ``Kana``); ``Zyyy`` for none."""
    sample = text[:_SAMPLE]
    if sample.isascii():
        return "Latn" if _PATTERNS["Latn"].search(sample) else "Zyyy"
    counts = {name: len(pattern.findall(sample)) for name, pattern in _PATTERNS.items()}
    if counts["Kana"] and counts["Hani"]:
        counts["Kana"] += counts["Hani"]
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else "Zyyy"


def by_words(text: str) -> str:
    """ISO 639-1 where the script has one language or small words tell it; else ``und-`` and the script (BCP 47).

    Latin script: the language of most function words (the small-word method of Grefenstette 1995), a word of several
    languages counting for each in part; too few of them (a twentieth of the words) tell nothing.
    """
    script = script_of(text)
    if script != "Latn":
        return UNKNOWN if script == "Zyyy" else _ONE_LANGUAGE.get(script, f"{UNKNOWN}-{script}")
    said = _WORD.findall(text[:_SAMPLE].casefold())
    scores: dict[str, float] = {}
    for word in said:
        for language in _OF_WORD.get(word, ()):
            scores[language] = scores.get(language, 0.0) + 1 / len(_OF_WORD[word])
    best = max(scores, key=scores.__getitem__, default="")
    return best if scores.get(best, 0) >= max(1.5, len(said) / 20) else f"{UNKNOWN}-Latn"


def by_langid() -> Identify:
    """Identification by py3langid (97 languages, Lui and Baldwin 2012). Raises UserError where it is not installed."""
    try:
        langid = importlib.import_module("py3langid").langid
    except ImportError as error:
        raise UserError(
            "languages are to be told by py3langid, which is not installed",
            field="data.cleaning.identify",
            fix="pip install 'trimtab[language]', or set identify: words",
        ) from error
    classify: Callable[[str], tuple[Any, Any]] = langid.classify

    def identify(text: str) -> str:
        sample = text[:_SAMPLE]
        letters = sum(map(str.isalpha, sample))
        known = by_words(sample)
        if script_of(sample) in _ONE_LANGUAGE or letters < _SHORTEST:
            return known
        return str(classify(sample)[0])

    return identify
