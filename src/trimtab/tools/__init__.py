"""Tools and their bounds, the retrieval index, and the plan that every answer goes through."""

from trimtab.tools.plan import Assistant, Limits, Outcome, PlanFinish, run_plan, with_system
from trimtab.tools.toolbox import Tool, Toolbox, ToolContext, ToolError, make_schema
from trimtab.tools.watch import Guards, NoGuards, Reply, ReplyFn

__all__ = [
    "Assistant",
    "Guards",
    "Limits",
    "NoGuards",
    "Outcome",
    "PlanFinish",
    "Reply",
    "ReplyFn",
    "Tool",
    "ToolContext",
    "ToolError",
    "Toolbox",
    "make_schema",
    "run_plan",
    "with_system",
]
