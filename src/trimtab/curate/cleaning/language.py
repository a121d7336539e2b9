"""The language of a text: its script by character ranges, or, where py3langid is installed and asked for, its code."""

import re
from collections.abc import Callable
from typing import Any

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
_SAMPLE = 600
_SHORTEST = 20
"""Letters below which a language is not told."""
UNKNOWN = "und"

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


def by_script(text: str) -> str:
    """The language where the script has one (ISO 639-1), else ``und-`` and the script (BCP 47)."""
    script = script_of(text)
    return UNKNOWN if script == "Zyyy" else _ONE_LANGUAGE.get(script, f"{UNKNOWN}-{script}")


def by_langid() -> Identify:
    """Identification by py3langid (97 languages, Lui and Baldwin 2012). Raises UserError where it is not installed."""
    try:
        from py3langid import langid
    except ImportError as error:
        raise UserError(
            "languages are to be told by py3langid, which is not installed",
            field="data.cleaning.identify",
            fix="pip install 'trimtab[language]', or set identify: script",
        ) from error
    classify: Callable[[str], tuple[Any, Any]] = langid.classify

    def identify(text: str) -> str:
        sample = text[:_SAMPLE]
        letters = sum(map(str.isalpha, sample))
        known = by_script(sample)
        if not known.startswith(UNKNOWN) or letters < _SHORTEST:
            return known
        return str(classify(sample)[0])

    return identify
