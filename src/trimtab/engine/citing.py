"""Answers that must cite: every sentence ends with ids in brackets, or the whole answer declines; for both grammars.

What ends a sentence (``text.sentences``: ``.``, ``!``, ``?``, ``…``, their wide forms, a line's end) stands only right
before or behind its citations, save the point of a decimal; brackets hold nothing but the ids. Behind the full stop a
citation counts for its sentence too: a model that would end the sentence there is led to cite, not to go on and on.
"""

import json
import re
from collections.abc import Sequence

from trimtab.engine.constraint import Form

_MOST = 300
_MOST_CITED = 4
_PLAIN = r""" "-\-/->@-Z\\^-~"""
_WIDE = r"\u00a0-\u07ff\u0800-\u0fff\u1000-\u1fff\u2010-\u2025\u2030-\u203f\u2040-\u2fff\u3040-\u3fff\u4000-\ucfff"
_OPENING = r"""["'(*_\u201c\u201e]"""
_WORD = r"[0-9A-Za-z\u00c0-\u07ff\u4000-\ucfff]"


def citation_form(ids: Sequence[str], declines: Sequence[str] = (), most: int = _MOST) -> Form:
    """Answers that cite nothing but ``ids``, in every sentence, or are one of ``declines`` to the letter.

    ``most``: characters of a sentence before its citation, so that a long one comes to it.
    """
    assert ids
    plain = [" ".join(text.split()) for text in declines]
    said = {"ids": sorted(set(ids)), "declines": sorted(set(plain)), "most": most}
    return Form("citations", json.dumps(said, ensure_ascii=False))


def citing_regex(text: str) -> str:
    """The form's answers as one regular expression."""
    said = json.loads(text)
    ids = "|".join(re.escape(name) for name in said["ids"])
    body = rf"(- )?{_OPENING}?{_WORD}([{_PLAIN}{_WIDE}]|[0-9]\.[0-9]){{0,{said['most']}}}"
    cites = rf"( ?\[({ids})\]){{1,{_MOST_CITED}}}"
    sentence = rf"{body}({cites}[.!?]|[.!?]{cites})"
    declines = "".join(rf"|{re.escape(decline)}" for decline in said["declines"])
    return rf"({sentence}([ \n]{sentence})*{declines})"


def citing_ebnf(name: str, text: str) -> list[str]:
    """The same as rules of the EBNF that openvino-genai follows."""
    said = json.loads(text)
    ids = " | ".join(_quoted(decline) for decline in said["ids"])
    declines = "".join(f" | {_quoted(decline)}" for decline in said["declines"])
    return [
        f"{name} ::= cited ([ \\n] cited)*{declines}",
        f"cited ::= begun rest{{0,{said['most']}}} (cites [.!?] | [.!?] cites)",
        f"cites ::= citation{{1,{_MOST_CITED}}}",
        f'begun ::= ("- ")? {_OPENING}? {_WORD}',
        'rest ::= plain | [0-9] "." [0-9]',
        f'citation ::= (" ")? "[" ({ids}) "]"',
        f"plain ::= [{_PLAIN}{_WIDE}]",
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
