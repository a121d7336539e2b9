"""The texts that tell a row from another: user turns and answers; no system prompts, schemas or tool results."""

import json
from collections.abc import Sequence

from trimtab.records import Case, Comparison, Example, Message, Ranked, Row


def conversation(row: Row | Case) -> tuple[Message, ...]:
    """The turns that come before whatever is judged, or all of an example's."""
    return row.messages if isinstance(row, Example | Case) else row.prompt


def completions(row: Row | Case) -> tuple[tuple[Message, ...], ...]:
    """The last turns that are learnt or compared, an example's hard negatives included; a case has none."""
    if isinstance(row, Case):
        return ()
    if isinstance(row, Comparison):
        return (row.chosen, row.rejected)
    if isinstance(row, Ranked):
        return row.completions
    if isinstance(row, Example):
        return ((row.messages[-1],), *row.rejected)
    return (row.completion,)


def user_turns(row: Row | Case) -> list[str]:
    """What the user says, turn by turn, empty turns left out."""
    return [turn.content for turn in conversation(row) if turn.role == "user" and turn.content.strip()]


def final_answers(row: Row | Case) -> list[str]:
    """The text of the last assistant turn of each completion."""
    last = (next((turn for turn in reversed(turns) if turn.role == "assistant"), None) for turns in completions(row))
    return [turn.content for turn in last if turn is not None and turn.content.strip()]


def learnt_text(row: Row) -> str:
    """All that the user and the assistant say and call, in order: what makes two rows teach the same."""
    turns: Sequence[Message] = conversation(row)
    if not isinstance(row, Example):
        turns = [*turns, *(turn for turns in completions(row) for turn in turns)]
    return "\n".join(_said(turn) for turn in turns if turn.role in ("user", "assistant"))


def first_question(row: Row | Case) -> str:
    """The opening user turn, by which a split keeps rows together; all turns where the user says nothing."""
    turns = user_turns(row)
    return turns[0] if turns else " ".join(turn.content for turn in conversation(row))


def _said(turn: Message) -> str:
    calls = (
        f"{call.name} {json.dumps(call.arguments, ensure_ascii=False, sort_keys=True)}" for call in turn.tool_calls
    )
    return "\n".join([turn.content, *calls])
