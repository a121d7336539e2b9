"""What shape the client wants of the answer: ``response_format`` as a form, ``tool_choice`` as a call it must make."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import jsonschema
from pydantic import BaseModel, ConfigDict, Field

from trimtab.engine.constraint import Form
from trimtab.engine.core import ANY_TOOL
from trimtab.records import ToolSchema
from trimtab.serve.errors import ApiError

_NAME = r"^[a-zA-Z0-9_-]{1,64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Strict):
    type: Literal["text"]


class _JsonObject(_Strict):
    type: Literal["json_object"]


class _Schema(_Strict):
    """``strict`` or not, the answer is held to the schema."""

    name: str = Field(pattern=_NAME)
    description: str | None = None
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class _JsonSchema(_Strict):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Function(_Strict):
    name: str


class _NamedTool(_Strict):
    type: Literal["function"]
    function: _Function


ResponseFormat = Annotated[_Text | _JsonObject | _JsonSchema, Field(discriminator="type")]
ToolChoice = Literal["none", "auto", "required"] | _NamedTool


def form_of(given: ResponseFormat | None) -> Form | None:
    """The form that the answer must have; None for plain text. Raises ApiError where the schema is none."""
    match given:
        case _JsonObject():
            return Form("json_schema", '{"type": "object"}')
        case _JsonSchema(json_schema=named):
            _check_schema(named.schema_)
            return Form("json_schema", json.dumps(named.schema_, ensure_ascii=False))
        case _:
            return None


def call_of(choice: ToolChoice | None, tools: Sequence[ToolSchema]) -> str | None:
    """The tool that must be called (``ANY_TOOL``: one of them); None where the model may choose. Raises ApiError."""
    if not isinstance(choice, _NamedTool):
        return ANY_TOOL if choice == "required" else None
    name = choice.function.name
    if name not in [tool["function"]["name"] for tool in tools]:
        raise ApiError(400, f"No tool {name!r} is among the tools.", param="tool_choice", code="invalid_value")
    return name


def _check_schema(schema: dict[str, Any]) -> None:
    where = "response_format.json_schema.schema"
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError) as error:
        said = error.message[:200] if isinstance(error, jsonschema.SchemaError) else "too deep"
        raise ApiError(400, f"No JSON schema: {said}", param=where, code="invalid_value") from error
