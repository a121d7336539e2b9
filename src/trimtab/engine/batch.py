"""Blocking helpers over an engine: open one by name, and complete many requests at once."""

import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from trimtab.engine.core import Chunk, Completion, Engine, Finish, Handle, Request
from trimtab.records import UserError

ENGINES = ("auto", "openvino", "torch", "vllm", "openai")


def open_engine(name: str, folder: Path, *, apart: bool = False, **options: Any) -> Engine:
    """The engine ``name`` over a model folder; ``auto`` is OpenVINO where it is installed, else torch. Of ``openai``
    and ``vllm`` the option ``endpoint`` says where the server is; the folder gives them tokenizer and dialect.

    ``options`` go to that engine's constructor; ``auto`` passes on those that the engine it chose knows. ``apart``:
    an engine whose library holds Python's lock while it computes gets a process of its own. Raises UserError for a
    name that is none or is not installed, and for a folder that the engine cannot read.
    """
    if name not in ENGINES:
        raise UserError(f"unknown engine {name!r}", expected=" | ".join(ENGINES))
    installed = find_spec("openvino_genai") is not None
    if name == "openvino" and not installed:
        raise UserError("the openvino engine is not installed", fix="pip install 'trimtab[openvino]', or use torch")
    chosen = name if name != "auto" else "openvino" if installed else "torch"
    kind = _engine(chosen)
    if name == "auto":
        options = {key: value for key, value in options.items() if key in signature(kind).parameters}
    if apart and chosen == "openvino":
        from trimtab.engine.apart import ApartEngine

        return ApartEngine(chosen, folder, **options)
    return kind(folder, **options)


def _engine(name: str) -> Callable[..., Engine]:
    """The constructor of an engine, whose library is imported only now."""
    if name in ("openai", "vllm"):
        from trimtab.engine.remote_servers import OpenAiEngine, VllmEngine

        return OpenAiEngine if name == "openai" else VllmEngine
    if name == "torch":
        from trimtab.engine.torch_engine import TorchEngine

        return TorchEngine
    from trimtab.engine.openvino_engine import OpenVinoEngine

    return OpenVinoEngine


def generate(engine: Engine, requests: Sequence[Request]) -> list[Completion]:
    """Complete all requests, submitted at once; blocks. A failed one has ``finish="error"`` and says why."""
    gathered = [Gather() for _ in requests]
    handles: list[Handle] = []
    try:
        for request, gather in zip(requests, gathered, strict=True):
            handles.append(engine.submit(request, gather.take))
        completions = [gather.completion(engine.weights) for gather in gathered]
    except BaseException:
        for handle in handles:
            handle.cancel()
        raise
    return completions


class Gather:
    """Takes the chunks of one request from an engine's thread, for a thread that waits."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._finish: Finish = "error"
        self._error = ""

    def take(self, chunk: Chunk) -> None:
        self._ids += chunk.token_ids
        self._logprobs += chunk.logprobs
        if chunk.finish is not None:
            self._finish, self._error = chunk.finish, chunk.error
            self._done.set()

    def completion(self, weights: str) -> Completion:
        """All that came; blocks until the last chunk."""
        self._done.wait()
        return Completion(tuple(self._ids), tuple(self._logprobs), self._finish, weights, self._error)
