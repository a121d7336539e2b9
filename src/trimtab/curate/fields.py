"""Which fields each format reads, so that a column that nobody reads is said and not lost in silence."""

from collections.abc import Mapping, Sequence
from typing import Any

_ALWAYS = {"tools", "functions", "labels", "provenance", "meta", "license", "licence", "consent", "source"}
_PAIR = {"annotators", "margin", "reason"}
_READ: Mapping[str, set[str]] = {
    "messages": {"messages", "rejected"},
    "thumbed_chat": {"messages", "label"},
    "sharegpt": {"conversations", "system"},
    "sharegpt_preference": {"conversations", "system", "chosen", "rejected"} | _PAIR,
    "openai_preference": {"input", "preferred_output", "non_preferred_output"} | _PAIR,
    "preference": {"prompt", "instruction", "input", "chosen", "rejected"} | _PAIR,
    "k_wise": {"prompt", "completions", "scores"} | _PAIR,
    "unpaired": {"prompt", "completion", "label"},
    "alpaca": {"instruction", "input", "output", "system", "history"},
    "prompt_completion": {"prompt", "completion", "response", "question", "answer", "input", "output"},
}
_SHOWN = 8


def unread(form: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The columns of these rows that the format does not read, as the end of a sentence; empty where there are none."""
    if form not in _READ:
        return ""
    others = {str(name): None for row in rows for name in row if name not in _READ[form] | _ALWAYS}
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"; not read: {', '.join(list(others)[:_SHOWN])}{more}" if others else ""
