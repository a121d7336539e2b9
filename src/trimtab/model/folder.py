"""A model folder: load it, save one beside its tokenizer and template, and name its weights by digest."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from trimtab.records import UserError, digest, file_digest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
)
TEMPLATE_FILE = "chat_template.jinja"
_DTYPES = ("float32", "bfloat16", "float16", "float64")


class Tokenizer(Protocol):
    """The part of transformers' tokenizer that we use."""

    chat_template: Any
    eos_token_id: int | None
    pad_token_id: int | None
    name_or_path: str

    @property
    def backend_tokenizer(self) -> Any: ...

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]: ...

    def __len__(self) -> int: ...

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = ...) -> str: ...

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...

    def save_pretrained(self, save_directory: str | Path) -> Any: ...


def load(folder: Path, *, dtype: str = "float32", attention: str | None = None) -> "PreTrainedModel":
    """The causal language model of ``folder`` in evaluation mode, from disk only.

    ``dtype`` is float32, bfloat16, float16 or float64; ``attention`` names an attention implementation of
    transformers. Raises UserError where the folder is no model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if dtype not in _DTYPES:
        raise UserError(f"unknown dtype {dtype!r}", expected=" | ".join(_DTYPES))
    check_folder(folder)
    options = {} if attention is None else {"attn_implementation": attention}
    model = quietly(
        AutoModelForCausalLM.from_pretrained,
        folder,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        use_safetensors=True,
        **options,
    )
    return cast("PreTrainedModel", model.eval())


def load_tokenizer(folder: Path) -> Tokenizer:
    """The fast tokenizer of ``folder``, from disk only. Raises UserError where there is none."""
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").is_file():
        raise UserError("the folder has no tokenizer", file=folder, expected="a tokenizer.json in it")
    return cast(Tokenizer, AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True))


def save(model: "PreTrainedModel", folder_of_origin: Path, target: Path, *, dtype: str | None = None) -> Path:
    """Write ``model`` as a folder that plain transformers loads: safetensors, config, tokenizer and the dialect.

    The chat template written is the one that Trimtab trains and serves with. ``dtype`` casts the weights (default:
    as they are). The folder appears whole or not at all, and replaces an older one of that name.
    """
    from trimtab.model.dialect import Dialect

    dialect = Dialect.of(folder_of_origin)
    with replacing(target) as fresh:
        quietly(model.save_pretrained, fresh)
        copy_tokenizer(folder_of_origin, fresh)
        (fresh / TEMPLATE_FILE).write_text(dialect.template, encoding="utf-8")
        if dtype is not None:
            _cast(fresh, dtype)
    return target


def weights_digest(folder: Path) -> str:
    """``sha256`` over the weight files' names and bytes: what the served-as-trained check compares."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError("the folder has no weights", file=folder, expected="*.safetensors in it")
    return digest({file.name: file_digest(file) for file in files})


def check_folder(folder: Path) -> None:
    """Raise UserError unless ``folder`` holds a config, safetensors and a fast tokenizer."""
    if not folder.is_dir():
        raise UserError("no such model folder", file=folder, fix="Check the path")
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise UserError(f"no {name} in the model folder", file=folder, expected="a model as transformers saves it")
    if not any(folder.glob("*.safetensors")):
        raise UserError("no *.safetensors in the model folder", file=folder, expected="weights as safetensors")


def copy_tokenizer(origin: Path, target: Path) -> None:
    """Copy the tokenizer's files, without the chat template; generation settings only where none are yet."""
    for name in TOKENIZER_FILES:
        if (origin / name).is_file() and not (name == "generation_config.json" and (target / name).exists()):
            shutil.copyfile(origin / name, target / name)
    config = target / "tokenizer_config.json"
    if config.is_file():
        fields = json.loads(config.read_text(encoding="utf-8"))
        if fields.pop("chat_template", None) is not None:
            config.write_text(json.dumps(fields, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A fresh folder beside ``target`` that takes its place when the block ends well, and vanishes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        fresh.chmod(0o755)
        yield fresh
        for file in fresh.rglob("*"):
            if file.is_file() and file.stat().st_nlink == 1:  # never the mode of somebody else's hard-linked file
                file.chmod(0o644)
            _sync(file)
        _swap(fresh, target)
        _sync(target.parent)
    except OSError as error:
        raise UserError(
            f"the model could not be written ({error.strerror})", file=target, fix="Is the disk full?"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    """Put ``fresh`` in place of ``target``: POSIX renames over an empty folder only, so an old one steps aside."""
    if not target.exists():
        fresh.rename(target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    target.rename(aside / "old")
    fresh.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def quietly(run: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call into transformers without its progress bars."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return run(*args, **options)
    finally:
        if shown:
            logging.enable_progress_bar()


def _cast(folder: Path, dtype: str) -> None:
    """Rewrite the weights of ``folder`` as ``dtype``, and say so in its config."""
    import torch
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*.safetensors"):
        tensors = {name: tensor.to(getattr(torch, dtype)) for name, tensor in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})
    config = folder / "config.json"
    fields = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps(fields | {"dtype": dtype}, indent=2) + "\n", encoding="utf-8")
