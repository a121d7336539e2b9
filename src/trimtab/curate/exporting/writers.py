"""Each format, written: one of our rows as the row that the format's own readers expect, and what it could not take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.curate.exporting.turns import (
    Lost,
    common,
    numbered_calls,
    openai_turns,
    plain_pair,
    sharegpt_turn,
    sharegpt_turns,
)
from trimtab.records import Comparison, Example, Message, Ranked, Row, Unpaired, UserError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """``row`` is None where the format has no place for such a row at all; ``lost`` says what it left out."""

    row: Json | None
    lost: tuple[str, ...] = ()


def write_row(row: Row, form: str) -> Written:
    """``row`` in the format ``form``. Raises UserError on an unknown format."""
    if form not in WRITERS:
        raise UserError(f"unknown format {form!r}", field="format", expected=" | ".join(WRITERS))
    kinds, writer = WRITERS[form]
    if not isinstance(row, kinds):
        return Written(None, (f"{_KINDS[type(row)]}: {form} holds {' or '.join(_KINDS[kind] for kind in kinds)}",))
    lost = Lost()
    written = writer(row, lost)
    return Written(written, tuple(dict.fromkeys(lost.parts)))


def _native(row: Row, lost: Lost) -> Json:
    return row.to_json()


def _openai(row: Example, lost: Lost) -> Json | None:
    lost.where(labels=row.labels, provenance=row.provenance, rejected=row.rejected)
    tools = {"tools": list(row.tools)} if row.tools else {}
    return {"messages": openai_turns(numbered_calls(row.messages, lost), lost), **tools}


def _openai_preference(row: Comparison, lost: Lost) -> Json:
    lost.where(labels=row.labels, provenance=row.provenance, annotators=row.annotators)
    lost.where(margin=row.margin is not None, reason=row.reason is not None)
    asked: Json = {"messages": openai_turns(numbered_calls(row.prompt, lost), lost)}
    return {
        "input": asked | ({"tools": list(row.tools)} if row.tools else {}),
        "preferred_output": openai_turns(numbered_calls(row.chosen, lost), lost),
        "non_preferred_output": openai_turns(numbered_calls(row.rejected, lost), lost),
    }


def _sharegpt(row: Example, lost: Lost) -> Json | None:
    lost.where(rejected=row.rejected)
    return {"conversations": sharegpt_turns(row.messages, lost), **common(row)}


def _sharegpt_preference(row: Comparison, lost: Lost) -> Json | None:
    if len(row.chosen) > 1 or len(row.rejected) > 1:
        return lost.whole("an answer of several turns")
    sides = {side: sharegpt_turn(getattr(row, side)[0], lost) for side in ("chosen", "rejected")}
    return {"conversations": sharegpt_turns(row.prompt, lost), **sides, **_pair(row), **common(row)}


def _thumbed_chat(row: Unpaired, lost: Lost) -> Json | None:
    if len(row.completion) > 1:
        return lost.whole("an answer of several turns")
    messages = [message.to_json() for message in (*row.prompt, *row.completion)]
    return {"messages": messages, "label": row.label, **common(row)}


def _k_wise(row: Comparison | Ranked, lost: Lost) -> Json | None:
    if isinstance(row, Ranked):
        if len(set(row.scores)) < 2:
            return lost.whole("scores that are all equal: nothing is preferred")
        return row.to_json()
    if row.margin is None or row.margin <= 0:
        return lost.whole("a pair without a margin above 0: k_wise needs scores")
    native = row.to_json()
    sides = {"completions": [native.pop("chosen"), native.pop("rejected")], "scores": [float(row.margin), 0.0]}
    native.pop("margin")
    return {"prompt": native.pop("prompt"), **sides, **native}


def _alpaca(row: Example, lost: Lost) -> Json | None:
    lost.where(rejected=row.rejected)
    system, turns = _system(row.messages)
    if [turn.role for turn in turns] != ["user", "assistant"] * (len(turns) // 2) or not turns:
        return lost.whole("turns that are not question and answer in turn")
    if any(turn.tool_calls for turn in turns):
        return lost.whole("a tool call")
    if system is not None and not system:
        return lost.whole("an empty system prompt")
    asked, answered = turns[-2], turns[-1]
    if not asked.content.strip() or not answered.content.strip():
        return lost.whole("an empty instruction or output")
    lost.turns(row.messages)
    found: Json = {"instruction": asked.content, "input": "", "output": answered.content}
    if system:
        found["system"] = system
    if len(turns) > 2:
        found["history"] = [[turns[i].content, turns[i + 1].content] for i in range(0, len(turns) - 2, 2)]
    return found | common(row)


def _prompt_completion(row: Example, lost: Lost) -> Json | None:
    lost.where(rejected=row.rejected)
    if (pair := plain_pair(row.messages)) is not None:
        return {"prompt": pair[0], "completion": pair[1], **common(row)}
    messages = [message.to_json() for message in row.messages]
    if len(messages) < 2:
        return lost.whole("an answer without a prompt")
    return {"prompt": messages[:-1], "completion": messages[-1:], **common(row)}


def _system(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    return (messages[0].content, messages[1:]) if messages[0].role == "system" else (None, messages)


def _pair(row: Comparison) -> Json:
    found: Json = {"annotators": list(row.annotators)} if row.annotators else {}
    given = {"margin": row.margin, "reason": row.reason}
    return found | {key: value for key, value in given.items() if value is not None}


_KINDS: Mapping[type, str] = {
    Example: "a chat",
    Comparison: "a preference pair",
    Ranked: "a ranking",
    Unpaired: "a thumb",
}
WRITERS: Mapping[str, tuple[tuple[type, ...], Callable[[Any, Lost], Json | None]]] = {
    "native": ((Example, Comparison, Ranked, Unpaired), _native),
    "messages": ((Example,), _native),
    "openai": ((Example,), _openai),
    "sharegpt": ((Example,), _sharegpt),
    "alpaca": ((Example,), _alpaca),
    "prompt_completion": ((Example,), _prompt_completion),
    "preference": ((Comparison,), _native),
    "openai_preference": ((Comparison,), _openai_preference),
    "sharegpt_preference": ((Comparison,), _sharegpt_preference),
    "k_wise": ((Comparison, Ranked), _k_wise),
    "unpaired": ((Unpaired,), _native),
    "thumbed_chat": ((Unpaired,), _thumbed_chat),
}
"""Every format's name, the kinds of row that it holds, and its writer."""
