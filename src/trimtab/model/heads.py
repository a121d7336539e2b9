"""A scalar head on a policy's backbone: the reward model, in transformers' sequence-classification format."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trimtab.model.folder import check_folder, load_tokenizer, quietly
from trimtab.records import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_DTYPES = ("float32", "bfloat16", "float16", "float64")
_HEAD = "score"
"""What transformers calls the head of a decoder's sequence classifier."""


def is_reward(folder: Path) -> bool:
    """Whether the folder holds a model with a classification head. Raises UserError where it holds none at all."""
    check_folder(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or ())


def load_reward(folder: Path, *, dtype: str = "float32") -> "PreTrainedModel":
    """``folder`` with a scalar head, in evaluation mode, from disk only.

    A reward model comes with the head it has; a language model gets one of zeros, so that every reward is 0 and the
    Bradley-Terry loss starts at ln 2. Raises UserError where the architecture has no such head, or the head there is
    gives more than one number.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    if dtype not in _DTYPES:
        raise UserError(f"unknown dtype {dtype!r}", expected=" | ".join(_DTYPES))
    known = is_reward(folder)
    options: dict[str, Any] = {} if known else {"num_labels": 1}
    with _unheard(), torch.random.fork_rng(devices=[]):
        try:
            model: Any = quietly(
                AutoModelForSequenceClassification.from_pretrained,
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                **options,
            )
        except ValueError as error:
            raise UserError("this architecture has no sequence-classification head", file=folder) from error
    head = _linear(model, folder)
    if not known:
        torch.nn.init.zeros_(head.weight)
    if model.config.pad_token_id is None:  # transformers refuses a batch of two without one
        model.config.pad_token_id = load_tokenizer(folder).pad_token_id
    return cast("PreTrainedModel", model.eval())


def reward_lora(model: Any, rank: int, alpha: float, *, dora: bool = False, seed: int = 0) -> Any:
    """``model`` wrapped with fresh LoRA matrices on its backbone; they and the whole scalar head train.

    ``trimtab.model.merge`` gives the plain reward model back.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    linear = sorted(
        name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and name != _HEAD
    )
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=linear, lora_dropout=0.0, use_dora=dora)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for an attribute's old name
        wrapped = get_peft_model(model, config)
    getattr(wrapped.get_base_model(), _HEAD).weight.requires_grad_(True)
    return wrapped


def _linear(model: Any, folder: Path) -> Any:
    """The head: one row of weights without a bias."""
    import torch

    head = getattr(model, _HEAD, None)
    if not isinstance(head, torch.nn.Linear) or getattr(head, "bias", None) is not None:
        raise UserError("the model's classification head is not a plain matrix on the last state", file=folder)
    if head.out_features != 1:
        raise UserError(
            f"a classifier of {head.out_features} labels is no reward model", file=folder, expected="num_labels 1"
        )
    return head


@contextmanager
def _unheard() -> Iterator[None]:
    """Without transformers' word that the head is new."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
