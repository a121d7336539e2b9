"""The turns of a row of any kind by the field that holds them, and which of them are learnt as good."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from trimtab.records import Comparison, Example, Message, Ranked, Row

Turns = tuple[Message, ...]
Fields = Mapping[str, Turns]


def fields_of(row: Row) -> dict[str, Turns]:
    """Every list of turns by its field's name, the conversation first."""
    if isinstance(row, Example):
        return {"messages": row.messages, **{f"rejected[{i}]": turns for i, turns in enumerate(row.rejected)}}
    if isinstance(row, Comparison):
        return {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}
    if isinstance(row, Ranked):
        return {"prompt": row.prompt, **{f"completions[{i}]": turns for i, turns in enumerate(row.completions)}}
    return {"prompt": row.prompt, "completion": row.completion}


def with_fields(row: Row, fields: Fields) -> Row:
    """The row with these turns; the same object where nothing differs."""
    before = fields_of(row)
    if all(before[name] is turns for name, turns in fields.items()):
        return row
    after = {**before, **fields}
    if isinstance(row, Example):
        companions = tuple(turns for name, turns in after.items() if name != "messages")
        return replace(row, messages=after["messages"], rejected=companions)
    if isinstance(row, Comparison):
        return replace(row, prompt=after["prompt"], chosen=after["chosen"], rejected=after["rejected"])
    if isinstance(row, Ranked):
        return replace(
            row, prompt=after["prompt"], completions=tuple(turns for name, turns in after.items() if name != "prompt")
        )
    return replace(row, prompt=after["prompt"], completion=after["completion"])


def good_fields(row: Row) -> tuple[str, ...]:
    """The fields, in order, whose turns make the conversation that is learnt as good; a ranking has only its prompt."""
    if isinstance(row, Example):
        return ("messages",)
    if isinstance(row, Comparison):
        return ("prompt", "chosen")
    if isinstance(row, Ranked) or not row.label:
        return ("prompt",)
    return ("prompt", "completion")


def good_turns(row: Row) -> Turns:
    """The conversation that is learnt as good, as one list."""
    if isinstance(row, Example):
        return row.messages
    fields = fields_of(row)
    return tuple(turn for name in good_fields(row) for turn in fields[name])


def good_answer(row: Row) -> str:
    """The text of the last turn that is learnt, where it is the assistant's; empty where nothing is."""
    if not isinstance(row, Example) and len(good_fields(row)) == 1:
        return ""
    turns = good_turns(row)
    return turns[-1].content if turns and turns[-1].role == "assistant" else ""


def map_turns(row: Row, change: Callable[[str, Message], Message]) -> Row:
    """Each turn as ``change(where, turn)`` gives it; the same row where each is the same object."""
    fields = {}
    for name, turns in fields_of(row).items():
        changed = tuple(change(f"{name}[{i}]", turn) for i, turn in enumerate(turns))
        same = all(old is new for old, new in zip(turns, changed, strict=True))
        fields[name] = turns if same else changed
    return with_fields(row, fields)
