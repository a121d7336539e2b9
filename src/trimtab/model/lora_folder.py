"""A LoRA adapter as PEFT saves one: read from its folder, its scale computed, and whatever we cannot honour refused."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.model.folder import load, replacing, save
from trimtab.records import UserError, digest, file_digest

if TYPE_CHECKING:
    from torch import Tensor

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_TENSOR = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
_HONOURED = frozenset(("peft_type", "r", "lora_alpha", "use_rslora", "init_lora_weights", "fan_in_fan_out", "bias"))
_SILENT = frozenset(  # of how it was trained, or which modules it has: the tensors themselves say the latter
    (
        *("task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
        *("target_modules", "exclude_modules", "lora_dropout", "layers_to_transform", "layers_pattern"),
        *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
    )
)
_PLAIN_STARTS = (True, "gaussian", "orthogonal", "eva")
"""How A and B may begin without changing the base's own weights; PiSSA, OLoRA, CorDA and LoftQ do change them."""


@dataclass(frozen=True, eq=False)
class Lora:
    """What adds ``scale · x · Aᵀ · Bᵀ`` to the output of each named linear layer (Hu et al. 2021, eq. 3).

    ``layers``: module path → (A [r, in], B [out, r]), float32 as saved. ``scale``: alpha / r, with ``use_rslora``
    alpha / √r (Kalajdzievski 2023, eq. 3). ``digest``: of the weight file and the settings that decide the scale.
    """

    layers: Mapping[str, tuple["Tensor", "Tensor"]]
    scale: float
    digest: str


def read_lora(folder: Path) -> Lora:
    """The adapter in ``folder``. Raises UserError where it is none, or uses what is not plain LoRA on linear layers."""
    config = _config(folder)
    _check(config, folder)
    pairs = _pairs(folder)
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    for path, (a, b) in pairs.items():
        if a.shape[0] != rank or b.shape[1] != rank:
            raise _unfit(folder, f"{path} has rank {a.shape[0]}, the settings say {rank}")
    scale = alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
    return Lora(pairs, scale, digest({"weights": file_digest(folder / _WEIGHTS), "scale": scale}))


def check_fits(lora: Lora, model: Any, folder: Path) -> None:
    """Raises UserError unless every layer of ``lora`` is a linear layer of ``model``, of its shape and not tied."""
    import torch

    modules = dict(model.named_modules())
    tied = model.get_input_embeddings().weight
    for path, (a, b) in lora.layers.items():
        module = modules.get(path)
        if not isinstance(module, torch.nn.Linear):
            raise _unfit(folder, f"{path} is no linear layer of this model")
        if module.weight is tied:
            raise _unfit(folder, f"{path} shares its weights with the embeddings, which merging would change too")
        if module.weight.shape != (b.shape[0], a.shape[1]):
            raise _unfit(folder, f"{path} is {tuple(module.weight.shape)} here, not {(b.shape[0], a.shape[1])}")


def merged_folder(base: Path, adapter: Path, target: Path) -> Path:
    """Write the plain model W + scale · B · A to ``target``, in the base's own precision; computed in float32.

    Raises UserError where the adapter does not fit the base.
    """
    import torch

    lora, model = read_lora(adapter), load(base)
    check_fits(lora, model, adapter)
    with torch.no_grad():
        for path, (a, b) in lora.layers.items():
            model.get_submodule(path).weight += lora.scale * (b.float() @ a.float())
    dtype = json.loads((base / "config.json").read_text(encoding="utf-8")).get("dtype")
    return save(model, base, target, dtype=dtype)


def save_lora(lora: Mapping[str, tuple["Tensor", "Tensor"]], settings: Mapping[str, Any], folder: Path) -> Path:
    """Write an adapter in PEFT's form; ``settings`` go into its config as they are."""
    from safetensors.torch import save_file

    tensors = {}
    for path, pair in lora.items():
        for letter, tensor in zip("AB", pair, strict=True):
            tensors[f"base_model.model.{path}.lora_{letter}.weight"] = tensor.contiguous()
    with replacing(folder) as fresh:
        save_file(tensors, fresh / _WEIGHTS, metadata={"format": "pt"})
        (fresh / _CONFIG).write_text(json.dumps({"peft_type": "LORA", **settings}), encoding="utf-8")
    return folder


def _config(folder: Path) -> Mapping[str, Any]:
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f"no {name} in the adapter's folder", file=folder, expected="an adapter as PEFT saves it")
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError("the adapter's settings are no JSON", file=folder / _CONFIG) from error
    if not isinstance(config, Mapping):
        raise UserError("the adapter's settings are no object", file=folder / _CONFIG)
    return config


def _check(config: Mapping[str, Any], folder: Path) -> None:
    """Every setting is one that we honour, one that says nothing of the function, or switched off."""
    if config.get("peft_type") != "LORA":
        raise _unfit(folder, f"its type is {config.get('peft_type')!r}, not 'LORA'")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float) or isinstance(rank, bool):
        raise _unfit(folder, "it needs a whole rank r of at least 1 and a number lora_alpha")
    if (start := config.get("init_lora_weights", True)) not in _PLAIN_STARTS and start is not False:
        raise _unfit(folder, f"init_lora_weights {start!r} changes the base's own weights")
    for name, value in config.items():
        off = value in (None, False, "none") or value in ({}, [])
        if name not in _SILENT and not off and (name not in _HONOURED or name in ("bias", "fan_in_fan_out")):
            if name == "runtime_config" and not any(value.values()):
                continue
            raise _unfit(folder, f"{name} = {json.dumps(value)[:80]} is not supported")


def _pairs(folder: Path) -> dict[str, tuple["Tensor", "Tensor"]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / _WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise UserError("the adapter's weights cannot be read", file=folder / _WEIGHTS) from error
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _TENSOR.fullmatch(name)
        if match is None or tensor.dim() != 2:
            raise _unfit(folder, f"the tensor {name} is no matrix of a linear layer's LoRA")
        found.setdefault(match.group(1), {})[match.group(2)] = tensor
    if half := sorted(path for path, pair in found.items() if len(pair) < 2):
        raise _unfit(folder, f"{half[0]} has only one of its two matrices")
    if not found:
        raise _unfit(folder, "it has no tensors")
    return {path: (pair["A"], pair["B"]) for path, pair in found.items()}


def _unfit(folder: Path, why: str) -> UserError:
    return UserError(f"the adapter cannot be served: {why}", file=folder, expected="plain LoRA on linear layers")
