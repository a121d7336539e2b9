"""The formats that rows come in, how each is recognised, and how it becomes our rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from trimtab.curate.chats import modern_messages, sharegpt_messages, tool_schemas
from trimtab.curate.fields import unread
from trimtab.records import (
    Row,
    UserError,
    comparison_from_json,
    example_from_json,
    row_from_json,
    unpaired_from_json,
)

JsonRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """``parse`` is None for shapes without answers: those need the adapter of the same name."""

    name: str
    sentence: str
    recognise: Callable[[JsonRow], bool]
    parse: Callable[[JsonRow], tuple[Row, ...]] | None


def guess_format(rows: Sequence[Any]) -> Format:
    """The one format that all the first rows are in. Raises UserError that says what was seen."""
    if not rows:
        raise UserError("there are no rows to tell a format from")
    for i, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise UserError(f"a row must be an object, not {type(row).__name__}", line=i)
    guesses = [kind_of(row) for row in rows]
    for i, (row, guess) in enumerate(zip(rows, guesses, strict=True), start=1):
        if guess is None:
            raise UserError(
                f"unknown kind of row, with the fields {', '.join(map(str, row)) or 'none'}",
                line=i,
                expected="; ".join(f"{form.name}: {form.sentence}" for form in FORMATS),
            )
        if guess is not guesses[0]:
            raise UserError(
                f"row {i} is {guess.name}, the first is {guesses[0].name if guesses[0] else '?'}",
                line=i,
                fix="Put each kind in a file of its own, or name the format",
            )
    assert guesses[0] is not None
    return guesses[0]


def format_named(name: str) -> Format:
    """A format by its name. Raises UserError."""
    for form in FORMATS:
        if form.name == name:
            return form
    raise UserError(f"unknown format {name!r}", field="format", expected=" | ".join(form.name for form in FORMATS))


def understood(form: Format, rows: Sequence[JsonRow]) -> str:
    """One sentence for people: what the rows were taken for."""
    tools = sum(bool(row.get("tools") or row.get("functions")) for row in rows)
    with_tools = f"; {tools} of the first {len(rows)} rows carry tools" if tools else ""
    return f"{form.name}: {form.sentence}{with_tools}{unread(form.name, rows)}"


def kind_of(row: JsonRow) -> Format | None:
    """The format that one row is in, told by its fields, or None."""
    return next((form for form in FORMATS if form.recognise(row)), None)


def _has(*fields: str) -> Callable[[JsonRow], bool]:
    return lambda row: all(row.get(field) is not None for field in fields)


def _is_thumbed_chat(row: JsonRow) -> bool:
    return "messages" in row and isinstance(row.get("label"), bool)


def _is_refusal(row: JsonRow) -> bool:
    return "prompt" in row and row.get("expected") in ("comply", "refuse")


def _chat(row: JsonRow) -> tuple[Row, ...]:
    rejected = [modern_messages(turns, f"rejected[{i}]") for i, turns in enumerate(_list(row, "rejected"))]
    return (example_from_json(_common(row) | {"messages": modern_messages(row["messages"]), "rejected": rejected}),)


def _sharegpt(row: JsonRow) -> tuple[Row, ...]:
    return (example_from_json(_common(row) | {"messages": _sharegpt_prompt(row)}),)


def _sharegpt_preference(row: JsonRow) -> tuple[Row, ...]:
    sides = {side: sharegpt_messages([row[side]], side) for side in ("chosen", "rejected")}
    return (comparison_from_json(_common(row, *_PAIR) | {"prompt": _sharegpt_prompt(row), **sides}),)


def _sharegpt_prompt(row: JsonRow) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    return system + sharegpt_messages(row["conversations"])


def _preference(row: JsonRow) -> tuple[Row, ...]:
    """Pairs with a prompt, or whole conversations that share their beginning."""
    chosen, rejected = modern_messages(row["chosen"], "chosen"), modern_messages(row["rejected"], "rejected")
    prompt = modern_messages(_asked(row) if row.get("prompt") is None else row["prompt"], "prompt")
    if isinstance(chosen, list) and isinstance(rejected, list):
        shared = _shared_beginning(chosen, rejected)
        if prompt is None or chosen[:shared] == prompt or (shared and _is_last_user_turn(chosen[:shared], prompt)):
            prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    if not prompt and prompt != "":
        raise UserError(
            "no prompt", field="prompt", expected="a prompt, an instruction, or turns that both sides share"
        )
    return (comparison_from_json(_kept(row) | {"prompt": prompt, "chosen": chosen, "rejected": rejected}),)


def _shared_beginning(a: Sequence[Any], b: Sequence[Any]) -> int:
    length = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    while length and (length == min(len(a), len(b)) or a[length].get("role") != "assistant"):
        length -= 1
    return length


def _is_last_user_turn(shared: Sequence[Any], prompt: Any) -> bool:
    """Some sets repeat the question as ``prompt`` beside two whole conversations."""
    return isinstance(prompt, str) and isinstance(shared[-1], Mapping) and shared[-1].get("content") == prompt


_PAIR = ("annotators", "margin", "reason")


def _openai_preference(row: JsonRow) -> tuple[Row, ...]:
    given = row["input"]
    if not isinstance(given, Mapping):
        raise UserError("input must be an object with messages", field="input")
    sides = {
        "chosen": modern_messages(row["preferred_output"], "preferred_output"),
        "rejected": modern_messages(row["non_preferred_output"], "non_preferred_output"),
    }
    prompt = modern_messages(given.get("messages"), "input.messages")
    return (comparison_from_json(_common({**row, "tools": given.get("tools")}, *_PAIR) | {"prompt": prompt, **sides}),)


def _k_wise(row: JsonRow) -> tuple[Row, ...]:
    """K scored completions: every pair whose scores differ, with the difference as margin."""
    scores = row["scores"]
    completions = [modern_messages(turns, f"completions[{i}]") for i, turns in enumerate(_list(row, "completions"))]
    prompt = modern_messages(row["prompt"], "prompt")
    if not isinstance(scores, list) or len(completions) != len(scores):
        raise UserError("as many scores as completions are needed", field="scores")
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in scores):
        raise UserError("scores must be finite numbers", field="scores")
    pairs = []
    for (first, a), (second, b) in combinations(zip(completions, scores, strict=True), 2):
        if a != b:
            chosen, rejected = (first, second) if a > b else (second, first)
            sides = {"chosen": chosen, "rejected": rejected, "margin": float(abs(a - b))}
            pairs.append(comparison_from_json(_common(row, *_PAIR) | {"prompt": prompt, **sides}))
    if not pairs:
        raise UserError("all scores are equal: nothing is preferred", field="scores")
    return tuple(pairs)


def _list(row: JsonRow, key: str) -> list[Any]:
    value = row.get(key) or []
    if not isinstance(value, list):
        raise UserError("must be a list", field=key)
    return value


def _unpaired(row: JsonRow) -> tuple[Row, ...]:
    turns = {field: modern_messages(row[field], field) for field in ("prompt", "completion")}
    return (unpaired_from_json(_kept(row) | turns),)


def _thumbed_chat(row: JsonRow) -> tuple[Row, ...]:
    messages = modern_messages(row["messages"])
    if not isinstance(messages, list) or len(messages) < 2:
        raise UserError("a judged chat needs a prompt and an answer", field="messages")
    fields = {"prompt": messages[:-1], "completion": messages[-1:], "label": row["label"]}
    return (unpaired_from_json(_common(row) | fields),)


def _asked(row: JsonRow) -> str | None:
    """Alpaca's instruction with its input, or None."""
    return "\n\n".join(_plain(row, key) for key in ("instruction", "input") if row.get(key)) or None


def _alpaca(row: JsonRow) -> tuple[Row, ...]:
    messages = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    for i, turn in enumerate(_list(row, "history")):
        if not isinstance(turn, list) or len(turn) != 2:
            raise UserError("a turn of history is a question and its answer", field=f"history[{i}]")
        messages += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    messages += [{"role": "user", "content": _asked(row)}, {"role": "assistant", "content": _plain(row, "output")}]
    return (example_from_json(_common(row) | {"messages": messages}),)


_COLUMNS = (("prompt", "completion"), ("prompt", "response"), ("question", "answer"), ("input", "output"))


def _columns(row: JsonRow) -> tuple[str, str] | None:
    return next((pair for pair in _COLUMNS if all(row.get(column) is not None for column in pair)), None)


def _prompt_completion(row: JsonRow) -> tuple[Row, ...]:
    columns = _columns(row)
    if columns is None:
        raise UserError("no prompt and completion", expected=" | ".join("/".join(pair) for pair in _COLUMNS))
    turns: list[Any] = []
    for column, role in zip(columns, ("user", "assistant"), strict=True):
        value = row[column]
        turns += modern_messages(value, column) if isinstance(value, list) else [_turn(row, column, role)]
    return (example_from_json(_common(row) | {"messages": turns}),)


def _turn(row: JsonRow, column: str, role: str) -> dict[str, str]:
    return {"role": role, "content": _plain(row, column)}


def _plain(row: JsonRow, key: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{key} must be text and not empty", field=key)
    return value


def _common(row: JsonRow, *more: str) -> dict[str, Any]:
    """What every format may carry beside the conversation, and the fields named."""
    kept = {key: row[key] for key in ("labels", "provenance", *more) if row.get(key) is not None}
    return kept | {"tools": tool_schemas(row)}


def _kept(row: JsonRow) -> dict[str, Any]:
    return dict(row) | {"tools": tool_schemas(row)}


def _native(row: JsonRow) -> tuple[Row, ...]:
    """Our own rows of whichever kind, mixed in one file; a ranking as its pairs."""
    form = kind_of(row)
    if form is None or form.parse is None or form.name not in NATIVE:
        row_from_json(row)  # says what a native row is
        raise UserError(f"a row of {form.name if form else 'no known kind'}, not one of ours")
    return form.parse(row)


NATIVE = ("messages", "preference", "k_wise", "unpaired")


def _adapted(row: JsonRow) -> bool:
    return row.get("expected_calls") is not None and "messages" in row


FORMATS: tuple[Format, ...] = (
    Format("grounded_qa", "questions with passages and short answers", _has("question", "passages"), None),
    Format("tool_routing", "requests with tools and the calls that are expected", _adapted, None),
    Format("refusal", "prompts that must be refused or answered", _is_refusal, None),
    Format(
        "openai_preference",
        "OpenAI preference pairs (input, preferred_output, non_preferred_output)",
        _has("input", "preferred_output", "non_preferred_output"),
        _openai_preference,
    ),
    Format(
        "sharegpt_preference",
        "ShareGPT conversations with chosen and rejected",
        _has("conversations", "chosen", "rejected"),
        _sharegpt_preference,
    ),
    Format("sharegpt", "ShareGPT conversations (from, value)", _has("conversations"), _sharegpt),
    Format("k_wise", "prompts with scored completions, as pairs", _has("prompt", "completions", "scores"), _k_wise),
    Format(
        "preference",
        "preference pairs (prompt or instruction, chosen, rejected)",
        _has("chosen", "rejected"),
        _preference,
    ),
    Format(
        "unpaired", "answers with a thumb (prompt, completion, label)", _has("prompt", "completion", "label"), _unpaired
    ),
    Format(
        "thumbed_chat", "whole chats with a thumb on the last turn (messages, label)", _is_thumbed_chat, _thumbed_chat
    ),
    Format("messages", "chats (messages, with tools where there are any)", _has("messages"), _chat),
    Format("alpaca", "Alpaca instructions (instruction, input, output)", _has("instruction", "output"), _alpaca),
    Format(
        "prompt_completion",
        "prompts with completions (prompt/completion, prompt/response, question/answer or input/output)",
        lambda row: _columns(row) is not None,
        _prompt_completion,
    ),
    Format("native", "our own rows, of all kinds in one file", lambda row: False, _native),
)
