"""One protocol over what generates, the engines behind it, and the chat layer in front of it."""

from typing import TYPE_CHECKING, Any

from trimtab.engine.batch import ENGINES, generate, open_engine
from trimtab.engine.chat import Chat, Reply
from trimtab.engine.constraint import CallForm, Constraint, Form
from trimtab.engine.core import (
    ANY_TOOL,
    Caps,
    Chunk,
    Completion,
    Engine,
    Finish,
    Handle,
    Request,
    Sampling,
    Unsupported,
)
from trimtab.engine.lookup import Counts, Speculation
from trimtab.engine.proof import Finding, check_record, check_trained, probes, prove, same, usable
from trimtab.engine.served import FLOORS, Difference, record, replay, served_as_trained

if TYPE_CHECKING:
    from trimtab.engine.divergence import kl_per_token
    from trimtab.engine.embed import TextEmbedder
    from trimtab.engine.openvino_engine import OpenVinoEngine
    from trimtab.engine.torch_engine import TorchEngine

__all__ = [
    "ANY_TOOL",
    "ENGINES",
    "FLOORS",
    "CallForm",
    "Caps",
    "Chat",
    "Chunk",
    "Completion",
    "Constraint",
    "Counts",
    "Difference",
    "Engine",
    "Finding",
    "Finish",
    "Form",
    "Handle",
    "OpenVinoEngine",
    "Reply",
    "Request",
    "Sampling",
    "Speculation",
    "TextEmbedder",
    "TorchEngine",
    "Unsupported",
    "check_record",
    "check_trained",
    "generate",
    "kl_per_token",
    "open_engine",
    "probes",
    "prove",
    "record",
    "replay",
    "same",
    "served_as_trained",
    "usable",
]

_HEAVY = {
    "OpenVinoEngine": "trimtab.engine.openvino_engine",
    "TextEmbedder": "trimtab.engine.embed",
    "TorchEngine": "trimtab.engine.torch_engine",
    "kl_per_token": "trimtab.engine.divergence",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch or openvino only when it is asked for."""
    from importlib import import_module

    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HEAVY[name]), name)
