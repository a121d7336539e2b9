"""Tensors on disk in pieces: each process writes the rows it holds, and any number of processes reads them again."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from trimtab.train.processes.world import World

_STARTS = "starts"
"""Key of a file's metadata: for each of its tensors the row of the whole with which it begins (0 where missing)."""


def local(tensor: Tensor) -> Tensor:
    """The rows of a sharded tensor that this process holds, sharing memory; any other tensor as it is."""
    held: Tensor = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return held


def first_row(tensor: Tensor) -> int:
    """Where the rows of ``local`` stand in the whole: FSDP cuts dimension 0 as ``torch.chunk`` does."""
    if not isinstance(tensor, DTensor):
        return 0
    assert all(placement.is_shard(0) for placement in tensor.placements), "sharded by rows only"
    rows, mesh = tensor.shape[0], tensor.device_mesh
    start = min(rows, mesh.get_local_rank() * -(-rows // mesh.size()))
    assert local(tensor).shape[0] == min(rows - start, -(-rows // mesh.size()))
    return start


def write_pieces(folder: Path, tensors: Mapping[str, Tensor], here: World) -> Path:
    """Writes this process's rows to a file of its own; tensors that are not sharded, by the process that leads.

    Returns the file. Raises OSError or SafetensorError.
    """
    own = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, DTensor) or here.leads}
    held = {name: local(tensor).detach().cpu().contiguous() for name, tensor in own.items()}
    kept = {name: tensor for name, tensor in held.items() if tensor.numel() or not isinstance(own[name], DTensor)}
    starts = {name: start for name in kept if (start := first_row(own[name]))}
    file = folder / f"state-{here.rank:05d}-of-{here.size:05d}.safetensors"
    save_file(kept, file, metadata={_STARTS: json.dumps(starts)})
    return file


class Pieces:
    """What ``write_pieces`` of some processes wrote; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("state-*.safetensors"))
        self._stack = ExitStack()
        self._places: dict[str, list[tuple[int, Any]]] = {}

    def __enter__(self) -> "Pieces":
        for path in self._files:
            file = self._stack.enter_context(safe_open(path, framework="pt"))
            starts = json.loads((file.metadata() or {}).get(_STARTS, "{}"))
            for name in file.keys():  # noqa: SIM118 -- no mapping
                self._places.setdefault(name, []).append((starts.get(name, 0), file))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def like(self, name: str, shape_of: Tensor) -> Tensor:
        """The tensor ``name``, of which this process holds the same rows as of ``shape_of``; a scalar is whole."""
        device = local(shape_of).device
        if not self._places[name][0][1].get_slice(name).get_shape():
            scalar: Tensor = self._places[name][0][1].get_tensor(name)
            return scalar.to(device)
        start = first_row(shape_of)
        rows = self._rows(name, start, start + local(shape_of).shape[0], local(shape_of).shape[1:]).to(device)
        if not isinstance(shape_of, DTensor):
            return rows
        return DTensor.from_local(
            rows,
            shape_of.device_mesh,
            shape_of.placements,
            run_check=False,
            shape=shape_of.shape,
            stride=shape_of.stride(),
        )

    def _rows(self, name: str, start: int, stop: int, width: Iterable[int]) -> Tensor:
        """Rows ``start`` to ``stop`` of the whole, from whichever files hold them."""
        parts = []
        for first, file in sorted(self._places[name], key=lambda place: place[0]):
            piece = file.get_slice(name)
            end = first + piece.get_shape()[0]
            if first < stop and start < end:
                parts.append(piece[max(start, first) - first : min(stop, end) - first])
        if not parts:
            nothing: Tensor = self._places[name][0][1].get_slice(name)[0:0]
            return nothing.reshape(0, *width)
        whole = torch.cat(parts)
        assert len(whole) == stop - start, f"rows of {name} are missing"
        return whole
