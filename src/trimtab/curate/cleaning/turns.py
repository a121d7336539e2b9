"""The order of turns: empty ones go, broken orders are mended where one way is sure, and what cannot be is refused."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from trimtab.curate.cleaning.notes import Notes
from trimtab.records import Message

Turns = tuple[Message, ...]


def mend_turns(turns: Turns, field: str, notes: Notes, *, ends_with_answer: bool) -> Turns:
    """The turns in an order that a chat template takes: system, then user and assistant in turn, results after calls.

    ``ends_with_answer``: an example, whose last turn is learnt; else a prompt, which may end with the user or a tool.
    The same object where nothing is wrong. Refuses what is left without anything to learn.
    """
    if _sound(turns, ends_with_answer):
        return turns
    mended = _without_empty(turns, field, notes)
    mended = _unswapped(mended, field, notes) if ends_with_answer else mended
    mended = _user_first(mended, field, notes)
    mended = _merged(mended, field, notes)
    if ends_with_answer:
        mended = _ended(mended, field, notes)
    _refuse_what_is_left(mended, field, notes, ends_with_answer)
    return turns if mended == turns else mended


def _sound(turns: Turns, ends_with_answer: bool) -> bool:
    """The usual case, told fast."""
    spoken = [turn for turn in turns if turn.role != "system"]
    return (
        bool(spoken)
        and spoken[0].role == "user"
        and all(turn.role == "tool" or turn.tool_calls or turn.content.strip() for turn in turns)
        and all(turn.role != "system" for turn in turns[1:])
        and all(a.role != b.role or a.role == "tool" for a, b in pairwise(spoken))
        and (not ends_with_answer or spoken[-1].role == "assistant")
    )


def _without_empty(turns: Turns, field: str, notes: Notes) -> Turns:
    kept = []
    for i, turn in enumerate(turns):
        if turn.role == "tool" or turn.tool_calls or turn.content.strip():
            kept.append(turn)
        else:
            notes.repair("empty turn", f"{field}[{i}]: an empty {turn.role} turn left out")
    return tuple(kept)


def _unswapped(turns: Turns, field: str, notes: Notes) -> Turns:
    """User and assistant exchanged where they plainly are: the "assistant" opens and always asks, the "user" never."""
    spoken = [turn for turn in turns if turn.role != "system"]
    opens = spoken and spoken[0].role == "assistant" and spoken[-1].role == "user"
    if not opens or any(turn.role == "tool" or turn.tool_calls for turn in spoken):
        return turns
    if any(a.role == b.role for a, b in pairwise(spoken)):
        return turns
    if not all(_asks(turn) == (turn.role == "assistant") for turn in spoken):
        return turns
    notes.repair("swapped roles", f"{field}: user and assistant exchanged")
    return tuple(turn if turn.role == "system" else _exchanged(turn) for turn in turns)


def _exchanged(turn: Message) -> Message:
    return replace(turn, role="assistant" if turn.role == "user" else "user")


def _asks(turn: Message) -> bool:
    return turn.content.rstrip("\"'”’)* ").endswith(("?", "？", "؟"))


def _user_first(turns: Turns, field: str, notes: Notes) -> Turns:
    """What comes before the user has spoken is cut; without any user turn there is nothing to be cut to."""
    first = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None:
        return turns
    early = [turn for turn in turns[:first] if turn.role != "system"]
    if not early:
        return turns
    notes.repair("assistant first", f"{field}: {len(early)} turns before the first user turn left out")
    return tuple(turn for i, turn in enumerate(turns) if i >= first or turn.role == "system")


def _merged(turns: Turns, field: str, notes: Notes) -> Turns:
    """Neighbours of one role become one turn; an assistant's call joins the words before it, a result never joins."""
    merged: list[Message] = []
    for i, turn in enumerate(turns):
        last = merged[-1] if merged else None
        if last is None or last.role != turn.role or turn.role == "tool" or last.tool_calls:
            merged.append(turn)
            continue
        notes.repair("merged turns", f"{field}[{i}]: joined to the {turn.role} turn before it")
        merged[-1] = _joined(last, turn)
    return tuple(merged)


def _joined(first: Message, second: Message) -> Message:
    content = "\n\n".join(text for text in (first.content, second.content) if text)
    reasoning = "\n\n".join(text for text in (first.reasoning, second.reasoning) if text) or None
    return replace(first, content=content, tool_calls=second.tool_calls, reasoning=reasoning)


def _ended(turns: Turns, field: str, notes: Notes) -> Turns:
    """Up to the last assistant turn: what follows has no answer."""
    last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=None)
    if last is None or last == len(turns) - 1:
        return turns
    left = " and ".join(dict.fromkeys(turn.role for turn in turns[last + 1 :]))
    notes.repair("dangling turns", f"{field}: {len(turns) - 1 - last} {left} turns without an answer cut from the end")
    return turns[: last + 1]


def _refuse_what_is_left(turns: Sequence[Message], field: str, notes: Notes, ends_with_answer: bool) -> None:
    if not any(turn.role == "user" for turn in turns):
        notes.refuse("no user turn", f"{field}: nobody asks")
    elif ends_with_answer and not any(turn.role == "assistant" for turn in turns):
        notes.refuse("no answer", f"{field}: no assistant turn is left to learn")
    elif any(turn.role == "system" for turn in turns[1:]):
        notes.flag("late_system_turn", field)
