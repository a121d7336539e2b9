"""Role markers and special tokens that leaked into answers: stripped at the edges, cut off in the middle."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from trimtab.curate.cleaning.notes import Notes
from trimtab.records import Message

Mode = Literal["repair", "drop", "flag"]

_SPECIAL = (
    r"(?:<\|(?:im_start|im_end|endoftext|end_of_text|begin_of_text|eot_id|eom_id|end|start_header_id|end_header_id"
    r"|system|user|assistant|return|message|channel)\|>"
    r"|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|<｜[^｜>\n]{1,30}｜>|</?s>)"
)
_NAMES = r"(?:assistant|user|system|human|gpt|ai|bot|model|chatgpt|instruction|response|input|output)"
_HEADING = rf"#{{2,3}}[ ]?{_NAMES}[ ]?:"
_LEADING = re.compile(
    rf"\A\s*(?:{_SPECIAL}\s*(?:assistant\b[ ]*(?=\n|<|\Z))?\s*|{_HEADING}\s*|(?:assistant|chatgpt|ai|bot):[ \t]+)+",
    re.IGNORECASE,
)
_TRAILING = re.compile(rf"(?:\s*{_SPECIAL})+\s*\Z|\s+(?:{_HEADING}|(?:human|user|assistant):)\s*\Z", re.IGNORECASE)
_NEXT_TURN = re.compile(
    r"\s*(?:<\|im_(?:start|end)\|>|<\|eot_id\|>|<\|endoftext\|>|<end_of_turn>|\[INST\]"
    r"|\n\s*#{2,3}[ ]?(?:user|human|instruction|input)[ ]?:|\n\nHuman:[ ])",
    re.IGNORECASE,
)
_ANY = re.compile(rf"{_SPECIAL}|^{_HEADING}", re.IGNORECASE | re.MULTILINE)
# fmt: off
_HINTS = (
    "<|", "<｜", "inst]", "sys>", "<s>", "</s>", "_of_turn>", "##", "human:", "user:", "assistant:", "chatgpt:", "ai:",
    "bot:", "human :", "user :", "assistant :", "instruction:", "response:", "instruction :", "response :",
)
# fmt: on
_ASKED = re.compile(r"\A\s*(?:#{2,3}[ ]?)?(?:human|user|instruction)[ ]?:[ \t\n]+(?=\S)", re.IGNORECASE)
_PROMPT_TAIL = re.compile(r"\s+(?:#{2,3}[ ]?)?(?:assistant|response)[ ]?:\s*\Z", re.IGNORECASE)
_SPEAKERS = re.compile(r"^[ \t]*(?:human|user|assistant|ai|bot):[ \t]", re.IGNORECASE | re.MULTILINE)


def clean_markers(turns: Sequence[Message], field: str, mode: Mode, notes: Notes) -> tuple[Message, ...]:
    """The turns without leaked markers. A special token in a user's own words stays (it may be an attack): flagged."""
    return tuple(_cleaned(turn, f"{field}[{i}]", mode, notes) for i, turn in enumerate(turns))


def _cleaned(turn: Message, where: str, mode: Mode, notes: Notes) -> Message:
    if turn.role not in ("user", "assistant"):
        return turn
    low = turn.content.lower()
    if not any(map(low.__contains__, _HINTS)):
        return turn
    if turn.role == "user":
        return _asked(turn, where, mode, notes)
    fixed = _repaired(turn.content)
    if fixed == turn.content:
        if "```" not in turn.content and _ANY.search(turn.content):
            notes.flag("role_markers", where)
        return turn
    if mode == "flag":
        notes.flag("role_markers", where)
        return turn
    if mode == "drop" or not (fixed or turn.tool_calls):
        notes.refuse("role markers", f"{where}: {_excerpt(turn.content)}")
        return turn
    notes.repair("role markers", f"{where}: {len(turn.content) - len(fixed)} characters cut")
    return replace(turn, content=fixed)


def _repaired(text: str) -> str:
    """Without the markers at its edges and without the turns that the model spoke for others.

    A script that was asked for (it opens with speakers, or stands in a fence) is left alone.
    """
    struck_through = "</s>" in text and "<s>" in text.lstrip()[3:]
    if struck_through or (len(_SPEAKERS.findall(text)) > 1 and _SPEAKERS.match(text)):
        return text
    bare = _LEADING.sub("", text)
    if "```" not in bare and (other := _NEXT_TURN.search(bare)):
        bare = bare[: other.start()]
    while (cut := _TRAILING.sub("", bare)) != bare:
        bare = cut
    return bare.rstrip() if bare != text else text


def _asked(turn: Message, where: str, mode: Mode, notes: Notes) -> Message:
    """A template around the whole question ("Human: … Assistant:") goes; what stands inside is the user's."""
    text = _PROMPT_TAIL.sub("", turn.content)
    if text != turn.content or not _SPEAKERS.search(turn.content[8:]):
        text = _ASKED.sub("", text)
    if text == turn.content or mode != "repair" or not text.strip():
        if _ANY.search(turn.content):
            notes.flag("role_markers", where)
        return turn
    notes.repair("role markers", f"{where}: {len(turn.content) - len(text)} characters cut")
    return replace(turn, content=text)


def _excerpt(text: str) -> str:
    return repr(text[:60])
