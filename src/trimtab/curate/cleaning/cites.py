"""Citations and quotes of learnt answers against the passages that the row itself retrieved."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

from trimtab.curate.cleaning.notes import Notes
from trimtab.records import Message
from trimtab.text import citations, normalise, quotes

Mode = Literal["drop", "strip", "flag"]
Turns = tuple[Message, ...]

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
_BRACKET = re.compile(r"([ \t]*)\[[^\[\]\n]{1,200}\](?!\()")
_QUOTED_WORDS = 4
"""Shorter quotes are names and single words."""


def retrieved(turn: Message) -> Mapping[str, str]:
    """Id to text of the passages that a tool result holds: a JSON list (also under ``passages`` or ``results``)."""
    if turn.role != "tool" or '"id"' not in turn.content:
        return {}
    try:
        rows = json.loads(turn.content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(rows, Mapping):
        rows = rows.get("passages") or rows.get("results")
    if not isinstance(rows, list):
        return {}
    good = [row for row in rows if isinstance(row, Mapping) and "id" in row and "text" in row]
    return {str(row["id"]): str(row["text"]) for row in good}


def check_citations(turns: Turns, start: int, field: str, known: Collection[str], mode: Mode, notes: Notes) -> Turns:
    """The turns from ``start`` on, each assistant turn citing only what was found before it.

    ``known``: ids of passages anywhere in the data, by which a citation is told from a mere bracket in rows that
    retrieved nothing.
    """
    found: dict[str, str] = {}
    for turn in turns[:start]:
        found |= retrieved(turn)
    checked = []
    for i, turn in enumerate(turns[start:]):
        found |= retrieved(turn)
        if turn.role == "assistant" and turn.content:
            turn = _checked(turn, f"{field}[{i}]", found, known, mode, notes)
            if found:
                _check_quotes(turn.content, found, turns[: start + i], f"{field}[{i}]", notes)
        checked.append(turn)
    same = all(old is new for old, new in zip(turns[start:], checked, strict=True))
    return turns[start:] if same else tuple(checked)


def _checked(
    turn: Message, where: str, found: Mapping[str, str], known: Collection[str], mode: Mode, notes: Notes
) -> Message:
    if "[" not in turn.content:
        return turn
    cited = citations(_CODE.sub(" ", turn.content))
    bad = dict.fromkeys(name for name in cited if name not in found and _is_id(name, found, known))
    if not bad:
        return turn
    said = f"{where}: [{'], ['.join(bad)}] is no passage that this row retrieved"
    if mode == "drop":
        notes.refuse("unsupported citation", said)
        return turn
    if mode == "flag":
        notes.flag("unsupported_citations", list(bad))
        return turn
    notes.repair("unsupported citation", said)
    return replace(turn, content=_stripped(turn.content, bad))


def _is_id(name: str, found: Mapping[str, str], known: Collection[str]) -> bool:
    """A bare number cites only where passages have numbers for ids; without a search, only a known id cites."""
    if found:
        return not name.isdigit() or any(other.isdigit() for other in found)
    return name in known and not name.isdigit()


def _stripped(text: str, bad: Collection[str]) -> str:
    """Without those ids; a bracket that held only them goes with the space before it. Code stays as it is."""

    def mend(match: re.Match[str]) -> str:
        names = citations(match.group())
        left = [name for name in names if name not in bad]
        if len(left) == len(names):
            return match.group()
        return f"{match.group(1)}[{', '.join(left)}]" if left else ""

    pieces, start = [], 0
    for code in _CODE.finditer(text):
        pieces += [_BRACKET.sub(mend, text[start : code.start()]), code.group()]
        start = code.end()
    return "".join([*pieces, _BRACKET.sub(mend, text[start:])])


def _check_quotes(text: str, found: Mapping[str, str], before: Turns, where: str, notes: Notes) -> None:
    """Flags quotes of four words and more that stand word for word nowhere before the answer."""
    if not any(mark in text for mark in '"“«„'):
        return
    quoted = [form for quote in quotes(text) if len((form := normalise(quote)).split()) >= _QUOTED_WORDS]
    if not quoted:
        return
    sources = [f" {normalise(source)} " for source in (*found.values(), *(turn.content for turn in before))]
    loose = [quote for quote in quoted if not any(f" {quote} " in source for source in sources)]
    if loose:
        notes.flag("loose_quotes", [f"{where}: {quote}" for quote in loose])
