"""The search tool: passages as a JSON list that an answer can cite."""

import json
from collections.abc import Mapping
from typing import Any

from trimtab.records import ToolSchema
from trimtab.tools.index import Index
from trimtab.tools.toolbox import Tool, ToolContext, make_schema

_SCHEMA = make_schema(
    "search",
    "Find passages. Returns a list of {id, title, text}.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


def search_tool(index: Index, k: int = 2, schema: ToolSchema = _SCHEMA) -> Tool:
    """A tool with one argument, ``query``; its result is a JSON list of at most ``k`` passages, empty where none fits.

    The index is no part of the tool's settings: a release's digest names it apart.
    """

    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        found = index.search(str(arguments["query"]), k)
        return json.dumps([passage.to_json() for passage in found], ensure_ascii=False)

    return Tool(schema, run, settings={"kind": "search", "k": k})
