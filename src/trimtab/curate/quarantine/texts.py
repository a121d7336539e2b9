"""Which texts of a case or a row are compared: what the user says and what the assistant answers."""

from dataclasses import dataclass

from trimtab.curate.units import conversation, final_answers, user_turns
from trimtab.records import Case, Row
from trimtab.text import normalise, words

_TELLING = 5
"""A single turn of fewer words ("yes please") tells nothing; the user's whole side always counts."""
_LONG_ANSWER = 8
"""An answer of fewer words ("The answer is 18.") is shared by accident."""


@dataclass(frozen=True, slots=True)
class Texts:
    """``wholes``: the user's whole side, each long answer. ``turns``: each telling user turn. Each text once.

    System prompts, schemas and tool results are shared by nature and not compared.
    """

    wholes: tuple[str, ...]
    turns: tuple[str, ...] = ()


def texts_of(row: Case | Row, shared: frozenset[str]) -> Texts:
    """``shared``: normal forms of wordings that belong to nobody (the policy's own)."""
    turns = user_turns(row)
    said = [turn.content for turn in conversation(row) if turn.role == "assistant"] if not isinstance(row, Case) else []
    answers = [
        text
        for text in (*final_answers(row), *said)
        if len(words(text)) >= _LONG_ANSWER and normalise(text) not in shared
    ]
    wholes = dict.fromkeys([*(["\n".join(turns)] if turns else []), *answers])
    telling = dict.fromkeys(turn for turn in turns if len(words(turn)) >= _TELLING and turn not in wholes)
    return Texts(tuple(wholes), tuple(telling))
