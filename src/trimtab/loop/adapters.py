"""LoRA adapters in service: by name beside a release's own weights, or merged where the release itself names one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from trimtab.engine import Chat
from trimtab.model.lora_folder import merged_folder
from trimtab.records import Behaviour, UserError, digest
from trimtab.serve import Served
from trimtab.store import Store
from trimtab.tools import ReplyFn


@runtime_checkable
class _TakesAdapters(Protocol):
    def add_adapter(self, name: str, folder: Path) -> str: ...


def with_adapters(served: Served, chat: Chat, folders: Mapping[str, Path]) -> Served:
    """The release, also under each adapter of ``folders`` by its name; each is named by its digest too.

    Raises UserError where the engine serves none by name or one does not fit; the release is closed then.
    """
    try:
        found = {name: _under(served, chat, name, folder) for name, folder in folders.items()}
    except BaseException:
        served.close()
        raise
    return replace(served, adapters=found)


def answering_folder(store: Store, behaviour: Behaviour) -> Path:
    """The model folder that answers for a behaviour: its model, or that with its adapter merged in.

    A merged model is written once, below the store, and named by both digests. Raises UserError.
    """
    base = store.artefacts.path(behaviour.model)
    if not behaviour.adapter:
        return base
    name = digest({"model": behaviour.model, "adapter": behaviour.adapter})
    target = store.folder / "engines" / f"merged-{name}"
    if not target.is_dir():
        merged_folder(base, store.artefacts.path(behaviour.adapter), target)
    return target


def _under(served: Served, chat: Chat, name: str, folder: Path) -> Served:
    if not isinstance(chat.engine, _TakesAdapters):
        raise UserError(
            f"the engine {chat.engine.caps.name} serves no adapters by name",
            field="serving.adapters",
            fix="Set serving.engine: torch, or release the adapter merged into its base",
        )
    weights = chat.engine.add_adapter(name, folder)
    adapted = Chat(chat.engine, chat.dialect, adapter=name, weights=weights)
    assistant = replace(served.assistant, reply=cast(ReplyFn, adapted.reply))
    return replace(served, assistant=assistant, complete=adapted.complete, adapter=f"{name}@{weights}", close=_nothing)


def _nothing() -> None:
    """An adapter's engine is its release's to close."""
