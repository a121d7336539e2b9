"""What the API answers, as JSON schemas: the half of its document that no body is checked by."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FINISH: Schema = {"enum": ["stop", "length", "tool_calls", "content_filter"]}


def _object(properties: Mapping[str, Schema], *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": dict(properties)}


def _list(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_USAGE = _object({"prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT})
_CALL = _object(
    {
        "id": _TEXT,
        "type": {"const": "function"},
        "function": _object({"name": _TEXT, "arguments": _TEXT}),
    }
)
_MESSAGE = _object(
    {
        "role": {"const": "assistant"},
        "content": _or_null(_TEXT),
        "refusal": _or_null(_TEXT),
        "tool_calls": _list(_CALL, minItems=1),
    },
    "tool_calls",
)
_PIECE = _object(
    {
        "token": _TEXT,
        "logprob": {"type": "number", "maximum": 0},
        "bytes": _or_null(_list({"type": "integer", "minimum": 0, "maximum": 255})),
        "top_logprobs": _list({"type": "object"}),
    }
)
_LOGPROBS = _or_null(_object({"content": _or_null(_list(_PIECE)), "refusal": {"type": "null"}}))
_CHOICE = _object({"index": _COUNT, "message": _MESSAGE, "logprobs": _LOGPROBS, "finish_reason": _FINISH})
_TEXT_CHOICE = _object({"text": _TEXT, "index": _COUNT, "logprobs": {"type": "null"}, "finish_reason": _FINISH})


def _completion(kind: str, choice: Schema) -> Schema:
    head = {"id": _TEXT, "object": {"const": kind}, "created": {"type": "integer"}, "model": _TEXT}
    return _object({**head, "choices": _list(choice, minItems=1), "usage": _USAGE})


_MODEL = _object({"id": _TEXT, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": _TEXT})

_NUMBERS: Schema = _list({"type": "number"})
_BASE64: Schema = {"type": "string", "contentEncoding": "base64", "description": "float32, little-endian"}
_VECTOR = _object({"object": {"const": "embedding"}, "index": _COUNT, "embedding": {"anyOf": [_NUMBERS, _BASE64]}})

ANSWERS: Mapping[str, Schema] = {
    "ChatCompletion": _completion("chat.completion", _CHOICE),
    "TextCompletion": _completion("text_completion", _TEXT_CHOICE),
    "Model": _MODEL,
    "Models": _object({"object": {"const": "list"}, "data": _list(_MODEL)}),
    "Embeddings": _object(
        {
            "object": {"const": "list"},
            "data": _list(_VECTOR, minItems=1),
            "model": _TEXT,
            "usage": _object({"prompt_tokens": _COUNT, "total_tokens": _COUNT}),
        }
    ),
    "FeedbackTaken": _object({"id": _TEXT, "object": {"const": "feedback"}, "trace": _TEXT}),
    "Health": _object({"status": {"const": "ok"}}),
    "Ready": _object(
        {
            "status": {"enum": ["ready", "not ready", "draining"]},
            "reasons": _list(_TEXT),
            "arms": {"type": "object", "additionalProperties": _TEXT},
            "in_flight": _COUNT,
            "backlog": _COUNT,
            "lost": _COUNT,
            "admission": {"type": "object"},
        }
    ),
    "Document": _object({"openapi": _TEXT, "info": {"type": "object"}, "paths": {"type": "object"}}),
}
"""By name; what an answer carries beside the required fields is the client's to ignore."""

ASKING = {
    "400": "The request is wrong; param names the field",
    "401": "No valid key",
    "404": "There is no such thing for this key",
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "429": "A limit of this key's tenant is reached",
    "500": "The server failed",
    "503": "Not now; Retry-After says when",
    "504": "No answer within the time limit",
}
"""What can be wrong with a request that has a body, by status."""

READING = {status: ASKING[status] for status in ("401", "404", "500")}
"""The same without one."""
