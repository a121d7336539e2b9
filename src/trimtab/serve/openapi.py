"""The API's own description: an OpenAPI 3.1 document from the models that check the bodies."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trimtab import __version__
from trimtab.serve.answers import ANSWERS, ASKING, READING
from trimtab.serve.body import ONLY, ChatBody
from trimtab.serve.completions import MOST_PROMPTS, PLAIN, CompletionBody
from trimtab.serve.embeddings import EmbeddingBody

_FAILED = {"500": ASKING["500"]}
_REF = "#/components/schemas/{model}"
_TEXT: dict[str, Any] = {"type": "string"}
_PARTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": {"const": "text"}, "text": _TEXT},
    },
}
_CONTENT = {"anyOf": [_TEXT, _PARTS]}
_CALL = {
    "type": "object",
    "required": ["id", "type", "function"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "required": ["name", "arguments"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "arguments": {"anyOf": [_TEXT, {"type": "object"}], "description": "A JSON object, or one as a text"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
_CALLS = {"type": "array", "minItems": 1, "items": _CALL}


def _message(roles: list[str], required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["role", *required],
        "properties": {"role": {"enum": roles}, **properties},
        "additionalProperties": False,
    }


_MESSAGE = {
    "anyOf": [
        _message(["system", "developer", "user"], ["content"], content=_CONTENT, name=_TEXT),
        _message(["assistant"], ["content"], content=_CONTENT, name=_TEXT),
        _message(["assistant"], ["tool_calls"], content={"type": ["string", "null"]}, tool_calls=_CALLS),
        _message(["tool"], ["content", "tool_call_id"], content=_CONTENT, tool_call_id=_TEXT),
    ]
}
_TOOL = {
    "type": "object",
    "required": ["function"],
    "properties": {
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": _TEXT, "description": _TEXT, "parameters": {"type": "object"}},
        },
    },
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


class FeedbackBody(BaseModel):
    """What a person said of an answer: at least one of thumb, edit, escalated and severity (1 is the worst)."""

    model_config = ConfigDict(extra="forbid")

    trace: str = Field(min_length=1)
    id: str | None = None
    user: str | None = None
    thumb: bool | None = None
    edit: str | None = None
    escalated: bool | None = None
    severity: int | None = Field(default=None, ge=1, le=3)
    comment: str | None = None


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of every route of the gateway."""
    schemas: dict[str, Any] = {"Error": _ERROR, "Message": _MESSAGE, "Tool": _TOOL, **ANSWERS}
    for kind in (ChatBody, CompletionBody, FeedbackBody, EmbeddingBody):
        schema = kind.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = schema
    for kind, only in ((ChatBody, ONLY), (CompletionBody, PLAIN)):
        for name, value in only.items():
            schemas[kind.__name__]["properties"][name] = {"enum": [None] if value is None else [None, value]}
    said = {"type": "string", "minLength": 1}
    prompts = {"type": "array", "minItems": 1, "maxItems": MOST_PROMPTS, "items": said}
    schemas["CompletionBody"]["properties"]["prompt"] = {"anyOf": [said, prompts]}
    chat = schemas["ChatBody"]["properties"]
    chat["messages"] = {"type": "array", "minItems": 1, "items": {"$ref": _REF.format(model="Message")}}
    listed = {"type": "array", "minItems": 1, "items": {"$ref": _REF.format(model="Tool")}}
    chat["tools"] = {"anyOf": [listed, {"type": "null"}]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trimtab gateway", "version": __version__},
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _paths() -> dict[str, Any]:
    model = {"name": "model", "in": "path", "required": True, "schema": _TEXT}
    return {
        "/v1/chat/completions": {"post": _post("Answer a conversation.", "ChatBody", "ChatCompletion", stream=True)},
        "/v1/completions": {"post": _post("Go on with a text.", "CompletionBody", "TextCompletion", stream=True)},
        "/v1/embeddings": {
            "post": _post("Vectors of texts; 404 without a configured model.", "EmbeddingBody", "Embeddings")
        },
        "/v1/feedback": {"post": _post("Say something of an answer.", "FeedbackBody", "FeedbackTaken")},
        "/v1/models": {"get": _get("The models that are served.", "Models", READING)},
        "/v1/models/{model}": {"get": {**_get("One of them.", "Model", READING), "parameters": [model]}},
        "/health": {"get": _get("Whether the process lives.", "Health")},
        "/ready": {"get": _get("Whether requests should come here; 503 with reasons where not.", "Ready", also="503")},
        "/metrics": {"get": _get("Prometheus' text format.", None)},
        "/openapi.json": {"get": _get("This document.", "Document")},
    }


def _post(summary: str, body: str, answer: str, *, stream: bool = False) -> dict[str, Any]:
    kinds = {**_json(answer), **({"text/event-stream": {}} if stream else {})}
    answers = {"200": {"description": "OK", "content": kinds}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _json(body)},
        "responses": answers | _errors(ASKING),
    }


def _get(
    summary: str, answer: str | None, errors: Mapping[str, str] = _FAILED, *, also: str | None = None
) -> dict[str, Any]:
    """``answer`` None: a plain text; ``also``: another status with the same answer."""
    content = _json(answer) if answer else {"text/plain": {"schema": _TEXT}}
    more = {also: {"description": "Not now", "content": content}} if also else {}
    return {
        "summary": summary,
        "responses": {"200": {"description": "OK", "content": content}, **more, **_errors(errors)},
    }


def _errors(described: Mapping[str, str]) -> dict[str, Any]:
    return {status: {"description": said, "content": _json("Error")} for status, said in described.items()}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
