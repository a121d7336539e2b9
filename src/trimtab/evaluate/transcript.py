"""A transcript: what a release did with one case, and how it is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.records import Message, Verdict, messages_from_json
from trimtab.tools import Outcome
from trimtab.tools.toolbox import is_error, parsed

_CUT = frozenset({"length", "tokens", "seconds"})
_PLAIN = ("answer", "raw_answer", "finish", "prompt_tokens", "completion_tokens", "first_token")


@dataclass(frozen=True, slots=True)
class Transcript:
    """The outcome, or the error that took its place; ``more``: further samples of the same case."""

    outcome: Outcome | None
    error: str = ""
    more: tuple[Outcome, ...] = ()

    @property
    def samples(self) -> tuple[Outcome, ...]:
        """Every sample there is."""
        return () if self.outcome is None else (self.outcome, *self.more)

    @property
    def scored(self) -> bool:
        """Whether quality can be judged: neither an error nor cut off by a bound on length or time."""
        return self.outcome is not None and self.outcome.finish not in _CUT

    @property
    def lasting(self) -> bool:
        """Whether asking again would give the same: not so after an error or where the clock cut it."""
        return self.outcome is not None and all(one.finish != "seconds" for one in self.samples)

    def to_json(self) -> dict[str, Any]:
        if self.outcome is None:
            return {"error": self.error}
        more = {"more": [_row(one) for one in self.more]} if self.more else {}
        return _row(self.outcome) | more


def transcript_from_json(row: Mapping[str, Any]) -> Transcript:
    """The inverse of ``Transcript.to_json``."""
    if "error" in row:
        return Transcript(None, row["error"])
    return Transcript(_outcome(row), more=tuple(_outcome(one) for one in row.get("more", ())))


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        **{name: getattr(outcome, name) for name in _PLAIN},
        "token_ids": list(outcome.token_ids),
        "logprobs": list(outcome.logprobs),
        "turns": [turn.to_json() for turn in outcome.turns],
        "verdicts": [verdict.to_json() for verdict in outcome.verdicts],
    }


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return Outcome(
        **{name: row[name] for name in _PLAIN},
        token_ids=tuple(row["token_ids"]),
        logprobs=tuple(row["logprobs"]),
        turns=messages_from_json(row["turns"]) if row["turns"] else (),
        verdicts=tuple(Verdict(**verdict) for verdict in row["verdicts"]),
    )


def tool_results(messages: tuple[Message, ...]) -> list[str]:
    """The texts that tools returned."""
    return [message.content for message in messages if message.role == "tool"]


def passages(messages: tuple[Message, ...]) -> dict[str, str]:
    """Passage id -> title and text, from tool results that are JSON lists of ``{id, title, text}``."""
    return {name: text for result in tool_results(messages) for name, text in _passages(result).items()}


def workings(messages: tuple[Message, ...]) -> str:
    """What tools worked out or read: results that are neither passages nor errors, with what was asked of them."""
    asked = {call.id: call for message in messages for call in message.tool_calls if call.id}
    found = []
    for message in messages:
        if message.role == "tool" and not is_error(message.content) and not _passages(message.content):
            call = asked.get(message.tool_call_id or "")
            found += [message.content, json.dumps(dict(call.arguments)) if call else ""]
    return "\n".join(found)


def _passages(result: str) -> dict[str, str]:
    rows = parsed(result)
    return {
        row["id"]: f"{row.get('title') or ''}\n{row['text']}"
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and isinstance(row.get("id"), str) and isinstance(row.get("text"), str)
    }
