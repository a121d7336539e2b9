"""The adapters by name."""

from collections.abc import Callable
from typing import cast

from trimtab.curate.adapters.base import Adapter, AdapterOptions
from trimtab.curate.adapters.code_tests import CodeTests
from trimtab.curate.adapters.exact_answer import ExactAnswer
from trimtab.curate.adapters.grounded_qa import GroundedQa
from trimtab.curate.adapters.refusal import Refusal
from trimtab.curate.adapters.tool_routing import ToolRouting
from trimtab.curate.adapters.tool_sft import ToolSft
from trimtab.records import UserError

_KINDS = (GroundedQa, ToolRouting, Refusal, ToolSft, ExactAnswer, CodeTests)
ADAPTERS: dict[str, Callable[[AdapterOptions], Adapter]] = {
    kind.name: cast(Callable[[AdapterOptions], Adapter], kind) for kind in _KINDS
}


def adapter_named(name: str, options: AdapterOptions) -> Adapter:
    """The adapter of that name. Raises UserError."""
    if name not in ADAPTERS:
        raise UserError(f"unknown adapter {name!r}", field="adapter", expected=" | ".join(ADAPTERS))
    return ADAPTERS[name](options)
