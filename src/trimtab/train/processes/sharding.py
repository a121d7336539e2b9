"""One model over several processes: parameters in shards (PyTorch FSDP2), micro-batches dealt, gradients summed.

Every process runs the same number of forward and backward passes in the same order, for each pass gathers the
parameters from all. A process without a micro-batch of its own runs another's with weight zero.
"""

import atexit
import copy
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from trimtab.train.forest.batch import Batch
from trimtab.train.forest.precision import Precision, widen
from trimtab.train.forest.score import Chosen, Scorer, Scores
from trimtab.train.processes.world import World, world

T = TypeVar("T")
_PATIENCE = timedelta(hours=12)
"""A lost process is the launcher's to notice; one that waits while another writes a big model must not give up."""
_PARTING = 0.3
"""Seconds for Gloo's threads at the end."""
_ROOT, _SKELETON = "_trimtab_root", "_trimtab_skeleton"


def join() -> World:
    """Meets the other processes, once; alone it does nothing."""
    here = world()
    if here.size > 1 and not dist.is_initialized():
        gpu = here.device != "cpu"
        if gpu:
            torch.cuda.set_device(here.device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=_PATIENCE)
        atexit.register(_leave)
    return here


def _leave() -> None:
    """Parts from the other processes while the interpreter is whole.

    Gloo's threads free the last tensors they carried after the result is handed over, and need the interpreter for
    it; one that is already being torn down aborts the process (https://github.com/pytorch/pytorch/issues/190489).
    """
    if dist.is_initialized():
        dist.destroy_process_group()
    time.sleep(_PARTING)


def shard(model: Any, *, compute: torch.dtype | None = None, mesh: DeviceMesh | None = None) -> None:
    """Shards ``model`` in place: each decoder layer is gathered on its own, the rest stays whole during a pass.

    ``compute`` is the dtype of the gathered parameters (default: as they are); gradients are *summed* over the
    processes in float32, for a batch's denominator is already the whole step's. A float64 model is summed in float64.
    """
    here = join()
    mesh = mesh or init_device_mesh(torch.device(here.device).type, (here.size,))
    skeleton = _skeleton(model)
    wide = torch.float64 if next(model.parameters()).dtype == torch.float64 else torch.float32
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=wide, cast_forward_inputs=False)
    root = _Whole(model)
    for part in (*_layers(model), root):
        whole: Any = fully_shard(part, mesh=mesh, mp_policy=policy)
        whole.set_gradient_divide_factor(1.0)
        whole.set_force_sum_reduction_for_comms(True)
    # Past nn.Module's own bookkeeping: neither is a submodule of the model.
    model.__dict__[_ROOT], model.__dict__[_SKELETON] = root, skeleton


def spread(model: Any, chosen: Chosen, numbers: Precision) -> Chosen:
    """Shards the model over the processes of this run, and has its scorer run over all; alone, nothing changes.

    Where the optimiser would keep float32 masters beside bfloat16 parameters, the shards themselves are float32 and
    are rounded as they are gathered: the same numbers.
    """
    if join().size == 1:
        return chosen
    widen(model)
    shard(model, compute=numbers.compute if numbers.narrow == "master" else None)
    return chosen._replace(score=through(model, chosen.score))


def is_sharded(model: Any) -> bool:
    """Whether ``shard`` has been at it."""
    return _ROOT in model.__dict__


def through(model: Any, score: Scorer) -> Scorer:
    """``score`` run inside the sharded model's forward, so that embeddings, last norm and head are whole meanwhile."""
    root = model.__dict__[_ROOT]

    def whole(batch: Batch) -> Scores:
        scores: Scores = root(score, batch)
        if not torch.is_grad_enabled():
            # No backward pass will do it, and until then the model's parameters are not those that train.
            root.reshard()
        return scores

    return whole


def sync_gradients(model: Any, last: bool) -> None:
    """Parameters of reduced precision are summed over processes at the step's last micro-batch only, from float32.

    Others are summed after each, which needs no room for a whole gradient.
    """
    if is_sharded(model) and any(p.dtype == torch.bfloat16 for p in model.parameters() if p.requires_grad):
        model.__dict__[_ROOT].set_requires_gradient_sync(last)


def gather(model: Any) -> Any:
    """The model as one again on the process that leads, a copy on the CPU, and None on the others.

    A model that is not sharded, as it is.
    """
    if not is_sharded(model):
        return model
    leads, skeleton = world().leads, _skeleton(model.__dict__[_SKELETON])
    hollow = dict(skeleton.named_parameters())
    filled: dict[int, torch.nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        full = _full(parameter.detach())
        if leads:
            filled[id(hollow[name])] = torch.nn.Parameter(full.cpu(), requires_grad=parameter.requires_grad)
    if not leads:
        return None
    for module in skeleton.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = filled[id(parameter)]
    return skeleton.cpu()


def deal(batches: Sequence[Batch], here: World) -> list[tuple[Batch, float]]:
    """This process's micro-batches, each with the weight of its loss.

    In order of size, neighbours to neighbours: processes that wait for each other at every layer then wait least.
    A process that comes away empty-handed in the last round runs the smallest batch with weight 0.
    """
    if here.size == 1:
        return [(batch, 1.0) for batch in batches]
    order = sorted(range(len(batches)), key=lambda place: (-batches[place].processed_tokens, place))
    rounds = -(-len(batches) // here.size)
    turns = [turn * here.size + here.rank for turn in range(rounds)]
    return [(batches[order[turn]], 1.0) if turn < len(order) else (batches[order[-1]], 0.0) for turn in turns]


def everyones(value: T, here: World) -> list[T]:
    """What each process has, in the order of ranks, on every process."""
    if here.size == 1:
        return [value]
    parts: list[Any] = [None] * here.size
    dist.all_gather_object(parts, value)
    return parts


def wait(here: World) -> None:
    """Returns once every process has come here."""
    if here.size > 1:
        everyones(None, here)


def added_up(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    """Key by key, in the order given."""
    totals: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            totals[name] = totals.get(name, 0.0) + value
    return totals


def shared_scores(batches: Sequence[Batch], score: Scorer, here: World) -> list[Tensor]:
    """The log-probs [N] of every batch on every process, each computed by one of them."""
    order = sorted(range(len(batches)), key=lambda place: (-batches[place].processed_tokens, place))
    own: dict[int, Tensor] = {}
    with torch.no_grad():
        for turn, (batch, weight) in enumerate(deal(batches, here)):
            logp_N = score(batch).logp.cpu()
            if here.size == 1:
                own[turn] = logp_N
            elif weight:
                own[order[turn * here.size + here.rank]] = logp_N
    everything = {place: logp_N for part in everyones(own, here) for place, logp_N in part.items()}
    return [everything[place] for place in range(len(batches))]


def clip_gradients(model: Any, largest: float) -> float:
    """Scales the gradients down to a global norm of at most ``largest``, over all processes; the norm before that."""
    norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], largest)
    return float(_full(norm))


def _full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class _Whole(torch.nn.Module):
    """The root of the sharding: its forward runs a scorer, which may call the model's parts by any path it likes."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, score: Scorer, batch: Batch) -> Scores:
        # FSDP hangs its backward hook on what is returned, and a view may lose it.
        scores = score(batch)
        views = {name: part.clone() for name, part in scores._asdict().items() if part is not None and part._is_view()}
        return scores._replace(**views)


def _layers(model: Any) -> list[torch.nn.Module]:
    """The modules that transformers names as not to be split: its decoder layers."""
    names = {name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()}
    return [module for module in model.modules() if type(module).__name__ in names]


def _skeleton(model: Any) -> Any:
    """A copy of the model without its numbers, to be filled when it is gathered."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        hollow = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = torch.nn.Parameter(hollow, requires_grad=parameter.requires_grad)
    return copy.deepcopy(model, memo)
