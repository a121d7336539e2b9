"""What shapes behaviour, taken from the workspace into artefacts; and back into an assistant that answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine import Chat, Engine, Sampling, Speculation, open_engine
from trimtab.guard import PolicyGuards, load_policy
from trimtab.loop.adapters import answering_folder
from trimtab.loop.citing import shape_of
from trimtab.loop.config import PlanLimits, Serving
from trimtab.loop.endpoint import endpoint_options
from trimtab.loop.workspace import Workspace
from trimtab.model import Dialect
from trimtab.records import Behaviour, Message
from trimtab.store import Store
from trimtab.tools import Assistant, Effects, Index, Limits, Toolbox, load_documents, load_tools


@dataclass(frozen=True)
class Arm:
    """A release that is loaded: its assistant, and what must be closed when it goes."""

    behaviour: Behaviour
    assistant: Assistant
    engine: Engine
    chat: Chat

    def close(self) -> None:
        self.engine.close()


def behaviour_of(workspace: Workspace, model: str, *, chat_template: str | None = None) -> Behaviour:
    """The behaviour of artefact ``model`` in this workspace; its files are kept as artefacts.

    ``chat_template``: the digest of another template than the model folder's.
    """
    files, serving, store = workspace.config.files, workspace.config.serving, workspace.store
    plain = None if serving.decoding.citations != "off" else {"citations"}  # off leaves a release's digest as it was
    decoding = {
        **serving.decoding.model_dump(exclude=plain),
        **{f"limit_{k}": v for k, v in serving.limits.model_dump().items()},
    }
    return Behaviour(
        model=model,
        chat_template=chat_template or Dialect.of(store.artefacts.path(model)).digest,
        system_prompt=workspace.path(files.system).read_text("utf-8").strip(),
        decoding=decoding,
        tools=store.artefacts.put(workspace.path(files.tools).parent),
        policy=store.artefacts.put(workspace.path(files.policy)),
        guards=PolicyGuards(load_policy(workspace.path(files.policy))).digest,
        index=store.artefacts.put(workspace.path(files.knowledge)),
        precision=serving.precision,
    )


def toolbox_of(workspace: Workspace, effects: Effects) -> Toolbox:
    """The workspace's tools as they are now."""
    files = workspace.config.files
    return load_tools(workspace.path(files.tools), effects, Index(load_documents(workspace.path(files.knowledge))))


def open_arm(
    store: Store,
    behaviour: Behaviour,
    serving: Serving,
    effects: Effects,
    *,
    private: bool = False,
    apart: bool = False,
    speculation: Speculation | None = None,
) -> Arm:
    """Load a release's engine and compose its assistant, from artefacts alone.

    ``private``: several tenants ask, so that an engine which cannot keep their prefixes apart keeps none. ``apart``:
    for a gateway, which an engine in the same process would hold up. ``speculation`` changes how fast the same
    answers come.
    """
    folder = answering_folder(store, behaviour)
    options = _options(store, behaviour, serving, private) | {"speculation": speculation}
    engine = open_engine(serving.engine, folder, apart=apart, **options)
    chat = Chat(engine, Dialect.of(folder))
    chat.tokens((Message("user", "Hello"),))  # what loads at its first use is not for the first user to wait for
    return Arm(behaviour, _assistant(store, behaviour, chat, effects), engine, chat)


def _options(store: Store, behaviour: Behaviour, serving: Serving, private: bool) -> dict[str, Any]:
    """What the configured engine's constructor takes; ``auto`` passes on what the engine it finds knows."""
    if serving.engine in ("openai", "vllm"):
        return endpoint_options(serving, behaviour.precision, private)
    openvino: dict[str, Any] = {
        "precision": behaviour.precision,
        "cache_gb": serving.cache_gb,
        "workdir": store.folder / "engines",
        "prefix_cache": not private,
    }
    torch: dict[str, Any] = {"dtype": behaviour.precision}
    return {"auto": openvino | torch, "openvino": openvino, "torch": torch}[serving.engine]


def _assistant(store: Store, behaviour: Behaviour, chat: Chat, effects: Effects) -> Assistant:
    index = Index(load_documents(store.artefacts.path(behaviour.index)))
    decoding = dict(behaviour.decoding)
    toolbox = load_tools(_only(store.artefacts.path(behaviour.tools), "*.yaml"), effects, index)
    guards = PolicyGuards(load_policy(_only(store.artefacts.path(behaviour.policy), "*.md")))
    guards.check_tools(toolbox.names)
    return Assistant(
        reply=chat.reply,
        toolbox=toolbox,
        guards=guards,
        limits=Limits(**{name: decoding[f"limit_{name}"] for name in PlanLimits.model_fields}),
        system=behaviour.system_prompt,
        sampling=Sampling(
            max_tokens=decoding["max_tokens"], temperature=decoding["temperature"], top_p=decoding["top_p"]
        ),
        shape=shape_of(decoding, guards.policy),
    )


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found
