"""What an answer leans on: its sentences, the ids it cites in brackets, and what it quotes."""

import re

_CITATION = re.compile(r"\[([^\[\]\n]{1,200})\](?!\()")
_ID = re.compile(r"[\w][\w.:/#@+-]*")
_NOT_IDS = frozenset({"x", "X"})  # a ticked box
_TRAILING = r"""(?:["”’»)\]*_]|\s*\[[^\[\]\n]{1,200}\](?!\())*"""
_END = re.compile(rf"(?:[.!?…]+{_TRAILING}(?=\s)|[。！？]+{_TRAILING}|\s*\n\s*)")
_NO_END = re.compile(
    r"(?:^|[\s(\[\"“])(?:[A-Z]|[A-Za-z](?:\.[A-Za-z])+|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|vs|No|Nos|Fig|Eq|Sec|Art|Ref|Dept"
    r"|Inc|Ltd|Co|Corp|approx|cf|al|e\.g|i\.e|ca|pp?)\.$"
)
_LIST_MARK = re.compile(r"^(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>)\s+")
_ONLY_MARKS = re.compile(r"^(?:\W|_)*$")
_ENUMERATION = re.compile(r"^\s*\d{1,3}\.$")
_QUOTE = re.compile(r"“([^”\n]+)”|\"([^\"\n]+)\"|«\s*([^»\n]+?)\s*»|„([^“”\n]+)[“”]")


def sentences(text: str) -> list[str]:
    """The sentences in order, without list marks; a citation right after the full stop stays with its sentence.

    Lines part sentences; abbreviations, initials and decimals do not.
    """
    found, start = [], 0
    for end in _END.finditer(text):
        piece = text[start : end.end()]
        if "\n" not in end.group() and (_NO_END.search(piece) or _ENUMERATION.match(piece)):
            continue
        found.append(piece)
        start = end.end()
    found.append(text[start:])
    bare = (_LIST_MARK.sub("", piece.strip()).strip() for piece in found)
    return _with_their_citations([piece for piece in bare if not _ONLY_MARKS.match(piece)])


def citations(text: str) -> list[str]:
    """Cited ids in order, repeats included: ``[id]`` or ``[id1, id2]``; links and ticked boxes are none."""
    return [name for match in _CITATION.finditer(text) for name in _ids(match.group(1))]


def strip_citations(text: str) -> str:
    """The text without its citations and the space before each."""
    return re.sub(r"[ \t]*" + _CITATION.pattern, lambda match: "" if _ids(match.group(1)) else match.group(), text)


def quotes(text: str) -> list[str]:
    """What stands between double quotation marks, in order."""
    return [next(part for part in match.groups() if part is not None) for match in _QUOTE.finditer(text)]


def _ids(inside: str) -> list[str]:
    names = [name.strip() for name in re.split(r"[,;]", inside)]
    if any(not _ID.fullmatch(name) or name in _NOT_IDS for name in names):
        return []
    return names


def _with_their_citations(pieces: list[str]) -> list[str]:
    """A piece that is nothing but citations belongs to the sentence before it."""
    joined: list[str] = []
    for piece in pieces:
        if joined and citations(piece) and _ONLY_MARKS.match(strip_citations(piece)):
            joined[-1] += " " + piece
        else:
            joined.append(piece)
    return joined
