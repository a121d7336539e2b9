"""What the assistant does in its last turn, told from the turn itself."""

from collections.abc import Sequence

from trimtab.records import Action, Message
from trimtab.text import style


def action_of(messages: Sequence[Message]) -> Action:
    """call_tool by its calls; decline, defer and clarify by how the last assistant turn is worded; else answer.

    Raises ValueError when no turn is the assistant's.
    """
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    if last is None:
        raise ValueError("no assistant turn")
    if last.tool_calls:
        return "call_tool"
    worded = style(last.content)
    if worded.refusal:
        return "decline"
    if worded.deferral:
        return "defer"
    return "clarify" if worded.question else "answer"
