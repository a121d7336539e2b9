"""Whether an answer stops before its end: inside a code fence, or in the middle of a sentence."""

import re

_TILDES = re.compile(r"^[ ]{0,3}~~~", re.MULTILINE)
_ENDS_SENTENCE = re.compile(r"[.!?…。！？][\"'”’»)\]*_]*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>|\|)")
_NO_PROSE = re.compile(r"https?://|www\.|\\[a-z]+|[={}<>]|\$[^$]+\$|^\s{4}|\|")
_LEAST_WORDS = 12
_SIGNING = 6
"""Words of a line before a name ("Looking forward to it,")."""
_HANGING = (",", "(", "[", "{", " -", " –", " —", "\\")
_JOINS = frozenset(
    ("a", "an", "the", "and", "or", "but", "of", "to", "in", "on", "for", "with", "by", "from", "as", "at")
)
_JOINS |= frozenset(("that", "which", "is", "are", "was", "were", "be", "if", "than"))


def truncated(text: str) -> str | None:
    """``inside a code fence`` or ``mid-sentence``; None where the text may well end here.

    A text of a few words, a list, verse, code, a formula or an address may end without a full stop; prose whose
    other lines all have one may not.
    """
    if text.count("```") % 2 or len(_TILDES.findall(text)) % 2:
        return "inside a code fence"
    bare = text.rstrip()
    if not bare[-1:].isalpha() and not bare.endswith(_HANGING):
        return None
    lines = [line for line in bare.split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    words = last.split()
    if len(bare.split(None, _LEAST_WORDS)) <= _LEAST_WORDS or not words or _NO_PROSE.search(last):
        return None
    if bare.endswith(",") and len(words) <= _SIGNING:
        return None
    if bare.endswith(_HANGING) or (words[-1].casefold() in _JOINS and words[-1].islower()):
        return "mid-sentence"
    return "mid-sentence" if _unlike_the_others(lines, last, len(words)) else None


def _unlike_the_others(lines: list[str], last: str, length: int) -> bool:
    """Whether the other lines of this kind (items, or prose) end their sentences, and this one does not."""
    kind = bool(_ITEM.match(last))
    others = [line for line in lines[:-1] if bool(_ITEM.match(line)) == kind and len(line.split()) > 4]
    if others:
        return sum(bool(_ENDS_SENTENCE.search(line)) for line in others) >= 0.75 * len(others) and length > 2
    return not kind and bool(re.search(r"[a-z]{2}[.!?] +[A-Z]", last)) and length > 4
