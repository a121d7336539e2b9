"""Tools and their bounds, the retrieval index, and the plan that every answer goes through."""

from trimtab.tools.calculator import calculator_tool
from trimtab.tools.documents import load_documents
from trimtab.tools.effects import Effects, Rehearsal
from trimtab.tools.index import Index, Passage
from trimtab.tools.load import load_tools
from trimtab.tools.orders import Table, lookup_tool, refund_tool
from trimtab.tools.plan import Assistant, Limits, Outcome, PlanFinish, run_plan, with_system
from trimtab.tools.search import search_tool
from trimtab.tools.toolbox import Tool, Toolbox, ToolContext, ToolError, make_schema
from trimtab.tools.watch import Guards, NoGuards, Reply, ReplyFn

__all__ = [
    "Assistant",
    "Effects",
    "Guards",
    "Index",
    "Limits",
    "NoGuards",
    "Outcome",
    "Passage",
    "PlanFinish",
    "Rehearsal",
    "Reply",
    "ReplyFn",
    "Table",
    "Tool",
    "ToolContext",
    "ToolError",
    "Toolbox",
    "calculator_tool",
    "load_documents",
    "load_tools",
    "lookup_tool",
    "make_schema",
    "refund_tool",
    "run_plan",
    "search_tool",
    "with_system",
]
