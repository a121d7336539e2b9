"""Guessing ahead, chosen per release: measured on its own development prompts, kept in the store, decided from that.

How tokens are guessed is no part of a behaviour: a guess is kept only where it is the model's own next token, so the
same release answers the same with and without, and its digest must not change with the machine that serves it.
"""

import asyncio
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trimtab.engine import Chat, Chunk, Engine, Handle, Request, Speculation
from trimtab.engine.openvino_engine import available
from trimtab.engine.trial import Trial, decide, measure
from trimtab.evaluate import load_suite
from trimtab.evaluate.transcribe import transcribe
from trimtab.loop.behaviour import open_arm
from trimtab.loop.config import Serving
from trimtab.loop.workspace import Workspace
from trimtab.model import resolve
from trimtab.records import Behaviour, Progress, UserError, digest
from trimtab.release import get
from trimtab.store import Store
from trimtab.tools import Rehearsal

KIND = "speculation"
_CASES = 8
_NOW = 1_790_000_000.0  # the time that tools see while prompts are collected: fixed, so that they are the same


def machine() -> dict[str, Any]:
    """What the figures hang on: processor, cores, and the versions of what computes. It names no machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "versions": {name: _version(name) for name in ("openvino-genai", "torch", "transformers")},
    }


def engine_of(serving: Serving) -> str:
    """The engine that ``serving.engine`` opens here."""
    return ("openvino" if available() else "torch") if serving.engine == "auto" else serving.engine


def key_of(behaviour: Behaviour, serving: Serving) -> str:
    """Under which a measurement is kept: the release, the engine and its arithmetic, the draft, the machine."""
    return digest(
        {
            "release": behaviour.digest,
            "engine": engine_of(serving),
            "precision": behaviour.precision,
            "draft": serving.draft,
            "machine": machine(),
        }
    )


def speculation_of(store: Store, behaviour: Behaviour, serving: Serving) -> Speculation | None:
    """How to serve this release: as configured, or for ``auto`` what its own measurement says; unmeasured, plainly."""
    row = store.get(KIND, key_of(behaviour, serving)) if serving.speculation == "auto" else None
    return choose(serving, [Trial.from_json(trial) for trial in row["trials"]] if row else [])


def choose(serving: Serving, trials: Sequence[Trial]) -> Speculation | None:
    """The way that ``serving.speculation`` names or, for ``auto``, the one that ``trials`` show to win; None is plain.

    Raises UserError for a draft on an engine that has none.
    """
    way = decide(trials) if serving.speculation == "auto" else serving.speculation.replace("off", "")
    if way == "draft" and engine_of(serving) != "openvino":
        raise UserError(
            "a draft model needs the openvino engine", field="serving.speculation", expected="auto | off | lookup"
        )
    if way == "draft":
        return Speculation("draft", draft=Path(resolve(serving.draft)) if serving.draft else None)
    return Speculation("lookup") if way == "lookup" else None


def measure_release(workspace: Workspace, which: str, progress: Progress, limit: int = _CASES) -> dict[str, Any]:
    """Every way that the engine has against plain decoding, on what ``which`` is asked in development cases.

    Kept in the store for ``auto``, and returned: trials at concurrency 1 and 8, the choice, the machine.
    """
    store, serving = workspace.store, workspace.config.serving
    release = get(store, which)
    ways = ("lookup", "draft") if engine_of(serving) == "openvino" else ("lookup",)
    with ExitStack() as stack:

        def opened(speculation: Speculation | None) -> Engine:
            arm = open_arm(store, release.behaviour, serving, Rehearsal(), speculation=speculation)
            stack.callback(arm.close)
            return arm.engine

        requests = collect(workspace, release.behaviour, progress, limit)
        engines = {way: opened(choose(serving.model_copy(update={"speculation": way}), ())) for way in ways}
        trials = measure(opened(None), engines, requests)
    row = {
        "release": release.behaviour.digest,
        "engine": engine_of(serving),
        "precision": release.behaviour.precision,
        "machine": machine(),
        "chosen": decide(trials),
        "trials": [trial.to_json() for trial in trials],
    }
    store.put(KIND, key_of(release.behaviour, serving), row)
    return row


def collect(workspace: Workspace, behaviour: Behaviour, progress: Progress, limit: int) -> list[Request]:
    """What the engine is asked while the assistant answers development cases: prompts with passages and tools' results.

    The sealed cases judge releases and are not touched. Sampled and constrained requests are measured as greedy ones.
    """
    files = [workspace.path(path) for path in workspace.config.cases.development]
    cases = load_suite(files, "development", limit).cases
    arm = open_arm(workspace.store, behaviour, workspace.config.serving, Rehearsal())
    try:
        recorder = _Recorder(arm.engine)
        assistant = replace(arm.assistant, reply=Chat(recorder, arm.chat.dialect).reply)
        asyncio.run(transcribe(assistant, cases, progress=progress, now=_NOW))
    finally:
        arm.close()
    return recorder.requests[:limit]


class _Recorder:
    """An engine that keeps what it is asked, as greedy requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.caps, self.weights = engine, engine.caps, engine.weights
        self.requests: list[Request] = []

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Handle:
        self.requests.append(replace(request, sampling=replace(request.sampling, temperature=0.0), constraint=None))
        return self._engine.submit(request, on_chunk)

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        return self._engine.score(prompt_ids, completion_ids)

    def close(self) -> None:
        self._engine.close()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
