"""A release as others load it, a Hugging Face folder or a GGUF file: loaded back and compared before it is given."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.model import Dialect, from_gguf, load, load_tokenizer, to_gguf, weights_digest
from trimtab.model.folder import replacing
from trimtab.model.gguf_write import Kind
from trimtab.records import Message, Release, ToolCall, UserError, write_json
from trimtab.release.card import CardFacts, model_card, scorecard_of
from trimtab.store import Store

if TYPE_CHECKING:
    import torch

MANIFEST = "trimtab.json"
_TOOL = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the documents.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
_TALK = (
    Message("system", "Be exact."),
    Message("user", "What is the fee?"),
    Message("assistant", tool_calls=(ToolCall("search", {"query": "fee"}),)),
    Message("tool", '[{"id": "p1", "title": "Fees", "text": "The fee is 12.50."}]', name="search"),
    Message("assistant", "The fee is 12.50. [p1]"),
    Message("user", "Thanks. Is it refundable?"),
)
# Half precision keeps 11 bits; a weight of 8-bit blocks is off by at most 1/254 of its block's largest, one of 4-bit
# blocks by 1/8: their levels go from -8 to 7 eighths of it.
_TOLERANCE = {"f32": 0.0, "f16": 2**-11, "q8_0": 1 / 127, "q4_0": 1 / 8 + 2**-11}


def export_hf(store: Store, release: Release, target: Path) -> Path:
    """A folder that plain transformers loads, with the release's chat template, card, results and manifest.

    Before it appears at ``target`` it is loaded back: its tokens of a conversation with tools, and its logits, must be
    the release's. Raises UserError when they are not, or when ``target`` holds something else than an earlier export.
    """
    origin = store.artefacts.path(release.behaviour.model)
    _check_template(origin, release)
    if target.exists() and not (target.is_dir() and (not any(target.iterdir()) or (target / MANIFEST).is_file())):
        raise UserError("there is something else already", file=target, fix="Name a folder that does not exist yet")
    with replacing(target) as fresh:
        shutil.copytree(origin, fresh, dirs_exist_ok=True)
        _document(fresh, release, target.name)
        compare_folders(origin, fresh)
    return target


def export_gguf(store: Store, release: Release, target: Path, kind: Kind = "f16") -> Path:
    """One GGUF file, read back: every weight within what ``kind`` can hold. Raises UserError otherwise."""
    origin = store.artefacts.path(release.behaviour.model)
    with tempfile.TemporaryDirectory(prefix="trimtab-gguf-") as folder:
        written = to_gguf(origin, target.with_name(f".{target.name}.new"), kind)
        try:
            compare_weights(origin, from_gguf(written, Path(folder) / "back"), _TOLERANCE[kind])
            written.replace(target)
        finally:
            written.unlink(missing_ok=True)
    return target


def compare_folders(origin: Path, copy: Path) -> None:
    """Raise UserError unless both give the same weights, the same tokens of a conversation, and the same logits."""
    import torch

    if weights_digest(origin) != weights_digest(copy):
        raise UserError("the exported weights are not the release's", file=copy)
    dialect = Dialect.of(origin)
    tools = [_TOOL] if dialect.tools else []
    talk = _TALK if dialect.tools else tuple(turn for turn in _TALK if turn.role == "user")[:1]
    expected = dialect.encode(talk, tools, reply=True)
    rows = [turn.to_json() for turn in talk]
    tokens = load_tokenizer(copy).apply_chat_template(
        rows, tools=tools or None, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    if list(tokens) != expected:
        raise UserError("the exported chat template gives other tokens than the release's", file=copy)
    if not torch.equal(_logits(origin, expected), _logits(copy, expected)):
        raise UserError("the exported model gives other logits than the release's", file=copy)


def compare_weights(origin: Path, copy: Path, tolerance: float) -> None:
    """Raise UserError unless every tensor of ``origin`` is in ``copy``, off by at most ``tolerance`` of its largest."""
    theirs = _tensors(copy)
    for name, tensor in _tensors(origin).items():
        if name not in theirs or theirs[name].shape != tensor.shape:
            raise UserError(f"the weight {name} is missing", file=copy)
        largest = float(tensor.abs().max()) if tensor.numel() else 0.0
        if float((tensor - theirs[name]).abs().max()) > tolerance * largest + 1e-30:
            raise UserError(f"the weight {name} came back changed", file=copy)


def _check_template(origin: Path, release: Release) -> None:
    if Dialect.of(origin).digest != release.behaviour.chat_template:
        raise UserError(
            "the release was served with another chat template than its model folder has",
            file=origin,
            fix="Register the release again with this folder's template",
        )


def _document(folder: Path, release: Release, name: str) -> None:
    card = model_card(release, CardFacts(name=name))
    (folder / "README.md").write_text(release.card or card.readme, encoding="utf-8")
    if scorecard_of(release) is not None:
        (folder / ".eval_results").mkdir(exist_ok=True)
        (folder / ".eval_results" / "trimtab.yaml").write_text(card.results, encoding="utf-8")
    if release.changelog:
        (folder / "CHANGELOG.md").write_text(release.changelog, encoding="utf-8")
    manifest = release.to_json()
    manifest["scorecard"] = {
        key: value for key, value in manifest["scorecard"].items() if key not in ("cases", "answers")
    }
    write_json(folder / MANIFEST, {"digest": release.digest, **manifest})


def _logits(folder: Path, ids: list[int]) -> "torch.Tensor":
    import torch

    model: Any = load(folder)
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits.clone()  # type: ignore[no-any-return]


def _tensors(folder: Path) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load_file

    return {
        name: tensor.float()
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }
