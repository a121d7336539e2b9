"""What every side is asked and what the mock says: one turn of support with its search result, the answer cited."""

import json
from typing import Any

MODEL = "trimtab"
ANSWER = "You may send a stove back within thirty days of delivery if it is unused and in its box [ret-1]."
WORDS = tuple(word if i == 0 else f" {word}" for i, word in enumerate(ANSWER.split(" ")))
PROMPT_TOKENS, COMPLETION_TOKENS = 180, 24
_PASSAGE = {"id": "ret-1", "title": "Returns", "text": ANSWER.removesuffix(" [ret-1].") + ". Write to us first."}


def question(*, stream: bool = False) -> dict[str, Any]:
    """A request in OpenAI's form: the customer's question, the search that was run, and its passage."""
    call = {"name": "search", "arguments": json.dumps({"query": "return a stove"})}
    messages = [
        {"role": "user", "content": "I bought a stove three weeks ago and never lit it. Can I still send it back?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps([_PASSAGE])},
    ]
    return {"model": MODEL, "messages": messages, "max_tokens": 64} | ({"stream": True} if stream else {})


def completion() -> dict[str, Any]:
    """The whole answer as a ``chat.completion``."""
    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head("chat.completion"), "choices": [choice], "usage": usage()}


def chunks() -> list[bytes]:
    """The answer as a stream of events, a word each."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in WORDS]
    deltas.append(({}, "stop"))
    head = _head("chat.completion.chunk")
    rows = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in deltas]
    return [b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows] + [b"data: [DONE]\n\n"]


def usage() -> dict[str, int]:
    total = PROMPT_TOKENS + COMPLETION_TOKENS
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS, "total_tokens": total}


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-mock", "object": kind, "created": 1, "model": MODEL}
