"""LoRA adapters beside one base: each row of a batch gets its own adapter's delta, a row without one the base alone.

Axes: B rows (requests), T tokens, I inputs and O outputs of a linear layer, R rank.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trimtab.engine.core import Request, Unsupported
from trimtab.model.lora_folder import check_fits, read_lora
from trimtab.records import UserError


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter ready to run: module path → (Aᵀ [I, R], scale · Bᵀ [R, O]) in the model's precision."""

    name: str
    digest: str
    layers: dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Adapted(Request):
    """A request that holds its adapter's weights: taking the name away meanwhile does not change its answer."""

    held: Adapter | None = None


class Adapters:
    """The adapters of one model by name. Thread-safe to ask; ``rows`` belongs to the thread that computes.

    A name stands for one set of weights as long as the engine lives: it may go and come back, never change.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[str, str] = {}
        self._served: dict[str, Adapter] = {}
        self._groups: list[tuple[Adapter, Tensor | None]] = []
        self._count = 0
        self._hooks: dict[str, Any] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._served)

    def read(self, name: str, folder: Path) -> Adapter:
        """The adapter in ``folder`` as ``name``, not served yet. Raises UserError where it does not fit."""
        lora = read_lora(folder)
        check_fits(lora, self._model, folder)
        if self._known.get(name, lora.digest) != lora.digest or not name:
            raise UserError(
                f"the adapter {name!r} had other weights", file=folder, fix="Give the new weights a name of their own"
            )
        weight = self._model.get_input_embeddings().weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        layers = {
            path: (a.to(weight.dtype).t().contiguous(), (lora.scale * b.to(wide)).to(weight.dtype).t().contiguous())
            for path, (a, b) in lora.layers.items()
        }
        return Adapter(name, lora.digest, layers)

    def add(self, adapter: Adapter) -> None:
        """Serve it from the next request on. To be called between two steps."""
        for path in adapter.layers:
            if path not in self._hooks:
                self._hooks[path] = self._model.get_submodule(path).register_forward_hook(self._hook(path))
        self._known[adapter.name] = adapter.digest
        self._served = {**self._served, adapter.name: adapter}

    def remove(self, name: str) -> None:
        """Take no new request for it; those that hold it end with it. Raises UserError where there is none."""
        if name not in self._served:
            raise UserError(f"no adapter {name!r} is served", expected=", ".join(sorted(self._served)) or "none is")
        self._served = {kept: adapter for kept, adapter in self._served.items() if kept != name}

    def forget(self) -> None:
        """Free the model and the adapters: nothing runs any more."""
        self._model, self._served, self._hooks = None, {}, {}

    def get(self, name: str) -> Adapter | None:
        """None for the empty name, which is the base. Raises Unsupported for an unknown one."""
        if not name:
            return None
        if (found := self._served.get(name)) is None:
            raise Unsupported(f"the engine torch serves no adapter {name!r}", "model")
        return found

    def hold(self, request: Request) -> Request:
        """The request with its adapter's weights. Raises Unsupported for an unknown name."""
        adapter = self.get(request.adapter)
        if adapter is None:
            return request
        return Adapted(**{field.name: getattr(request, field.name) for field in fields(Request)}, held=adapter)

    @contextmanager
    def rows(self, adapters: Sequence[Adapter | None]) -> Iterator[None]:
        """Within the block, row b of every forward is that of ``adapters[b]`` (None: the base)."""
        self._groups, self._count = _groups(adapters), len(adapters)
        try:
            yield
        finally:
            self._groups = []

    def _hook(self, path: str) -> Any:
        def add_delta(module: Any, inputs: tuple[Tensor, ...], output_BTO: Tensor) -> Tensor | None:
            for adapter, rows_B in self._groups:
                if (pair := adapter.layers.get(path)) is None:
                    continue
                if rows_B is not None and (inputs[0].dim() != 3 or len(inputs[0]) != self._count):
                    raise RuntimeError(f"{path} does not see the batch's rows apart")
                x_BTI = inputs[0] if rows_B is None else inputs[0][rows_B]
                delta_BTO = (x_BTI @ pair[0]) @ pair[1]
                output_BTO = output_BTO + delta_BTO if rows_B is None else output_BTO.index_add(0, rows_B, delta_BTO)
            return output_BTO

        return add_delta


def held(request: Request) -> Adapter | None:
    """The adapter that a request holds; None for the base."""
    return request.held if isinstance(request, Adapted) else None


def scope_of(scope: str, adapter: Adapter | None) -> str:
    """The scope of computed prefixes: an adapter's keys and values are no other's."""
    return scope if adapter is None else f"{scope}\0{adapter.digest}"


def _groups(adapters: Sequence[Adapter | None]) -> list[tuple[Adapter, Tensor | None]]:
    """Each adapter in use with its rows; None for all of them."""
    distinct = {id(adapter): adapter for adapter in adapters if adapter is not None}
    if len(distinct) == 1 and None not in adapters:
        return [(adapter, None) for adapter in distinct.values()]
    return [
        (adapter, torch.tensor([b for b, one in enumerate(adapters) if one is adapter]))
        for adapter in distinct.values()
    ]
