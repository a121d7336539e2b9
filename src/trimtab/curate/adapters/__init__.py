"""Sets without answers, made into rows that teach and cases that test."""

from trimtab.curate.adapters.base import Adapter, AdapterOptions
from trimtab.curate.adapters.code_tests import CodeTests
from trimtab.curate.adapters.exact_answer import ExactAnswer
from trimtab.curate.adapters.grounded_qa import SEARCH_TOOL, GroundedQa
from trimtab.curate.adapters.refusal import Refusal
from trimtab.curate.adapters.registry import ADAPTERS, adapter_named
from trimtab.curate.adapters.tool_routing import ToolRouting
from trimtab.curate.adapters.tool_sft import ToolSft

__all__ = [
    "ADAPTERS",
    "SEARCH_TOOL",
    "Adapter",
    "AdapterOptions",
    "CodeTests",
    "ExactAnswer",
    "GroundedQa",
    "Refusal",
    "ToolRouting",
    "ToolSft",
    "adapter_named",
]
