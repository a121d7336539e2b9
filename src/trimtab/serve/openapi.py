"""The API's own description: an OpenAPI 3.1 document from the models that check the bodies."""

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trimtab import __version__
from trimtab.serve.body import ChatBody
from trimtab.serve.completions import CompletionBody

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
_MESSAGE = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"anyOf": [_TEXT, _PARTS, {"type": "null"}]},
        "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
        "tool_call_id": {"type": ["string", "null"]},
        "name": {"type": ["string", "null"]},
    },
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


class EmbeddingBody(BaseModel):
    """OpenAI's embedding request; answered 404 while no embedding model is configured."""

    model: str
    input: Any = None


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of every route of the gateway."""
    schemas: dict[str, Any] = {"Error": _ERROR, "Message": _MESSAGE, "Tool": _TOOL}
    for kind in (ChatBody, CompletionBody, FeedbackBody, EmbeddingBody):
        schema = kind.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = schema
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
        "/v1/chat/completions": {"post": _post("Answer a conversation.", "ChatBody", stream=True)},
        "/v1/completions": {"post": _post("Go on with a text.", "CompletionBody", stream=True)},
        "/v1/embeddings": {"post": _post("No embedding model is configured: 404.", "EmbeddingBody", ok=False)},
        "/v1/feedback": {"post": _post("Say something of an answer.", "FeedbackBody")},
        "/v1/models": {"get": _get("The models that are served.")},
        "/v1/models/{model}": {"get": {**_get("One of them."), "parameters": [model]}},
        "/health": {"get": _get("Whether the process lives.")},
        "/ready": {"get": _get("Whether requests should come here; 503 with reasons where not.", also="503")},
        "/metrics": {"get": _get("Prometheus' text format.", kind="text/plain")},
        "/openapi.json": {"get": _get("This document.")},
    }


def _post(summary: str, body: str, *, stream: bool = False, ok: bool = True) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=body)}
    kinds: dict[str, Any] = {"application/json": {}, **({"text/event-stream": {}} if stream else {})}
    answer = {"200": {"description": "OK", "content": kinds}} if ok else {}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": answer | {"default": _error()},
    }


def _get(summary: str, *, kind: str = "application/json", also: str | None = None) -> dict[str, Any]:
    answer = {"description": "OK", "content": {kind: {}}}
    more = {also: {**answer, "description": "Not now"}} if also else {}
    return {"summary": summary, "responses": {"200": answer, **more, "default": _error()}}


def _error() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}
    return {"description": "What was wrong, in OpenAI's error shape", "content": content}
