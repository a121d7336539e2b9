"""A draft model as openvino-genai reads one: an IR folder with its tokenizer, written once for the same weights."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from trimtab.engine.lookup import DraftKind
from trimtab.model import default_cache, to_gguf, weights_digest
from trimtab.records import UserError, digest, file_digest

_MOSTLY_Q4_0 = 2  # by this the pipeline's reader knows that matrices come with scales
_ANEW = ("general.architecture", "general.file_type")


def draft_of(draft: Path, target: Path, kind: DraftKind = "q4_0", workdir: Path | None = None) -> Path:
    """The IR folder of ``draft``, in ``workdir`` (default: ``drafts/`` in Trimtab's cache), written if it is missing.

    The pipeline takes a GGUF file for its target but not for its draft, so the file is read once and saved as IR, its
    tokenizer beside it. Raises UserError where the tokenizers differ or the model cannot be written.
    """
    if _tokenizer(draft) != _tokenizer(target):
        raise UserError("a draft model must share its target's tokenizer", file=draft, expected=str(target))
    shape = file_digest(draft / "config.json")
    name = digest({"weights": weights_digest(draft), "shape": shape, "tokenizer": _tokenizer(draft)})
    found = (workdir or default_cache() / "drafts") / f"{name}.{kind}"
    if not found.exists():
        _write(draft, found, kind)
    return found


def quantise(source: Path, target: Path) -> None:
    """A F16 GGUF with its matrices as Q4_0 (blocks of 32 weights, 4 bits and one scale) and its embedding as Q8_0."""
    from gguf import GGMLQuantizationType as Type
    from gguf import GGUFReader, GGUFWriter
    from gguf.quants import quantize

    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    try:
        for field in reader.fields.values():
            if not field.name.startswith("GGUF.") and field.name not in _ANEW:
                _copy(writer, field)
        writer.add_file_type(_MOSTLY_Q4_0)
        for tensor in reader.tensors:
            if tensor.tensor_type != Type.F16 or tensor.data.shape[-1] % 32:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
                continue
            # An embedding is looked up, not multiplied, unless it is the head too: there 4 bits cost most agreement.
            kind = Type.Q8_0 if tensor.name in ("token_embd.weight", "output.weight") else Type.Q4_0
            writer.add_tensor(tensor.name, quantize(tensor.data.astype("float32"), kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _copy(writer: Any, field: Any) -> None:
    kinds = field.types
    writer.add_key_value(field.name, field.contents(), kinds[0], sub_type=kinds[-1] if len(kinds) > 1 else None)


def _tokenizer(folder: Path) -> str:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError("no tokenizer can be read", file=path, expected="a model folder as transformers saves it")
    return file_digest(path)


def _write(draft: Path, found: Path, kind: DraftKind) -> None:
    """Build beside the place and move there whole; another process may have been faster."""
    found.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=found.parent, prefix=".draft-") as scratch:
        built = Path(scratch) / "ir"
        built.mkdir()
        gguf = to_gguf(draft, built / "draft.gguf", kind="q8_0" if kind == "q8_0" else "f16")
        if kind == "q4_0":
            quantise(gguf, built / "small.gguf")
            (built / "small.gguf").replace(gguf)
        _save_ir(gguf)
        _save_tokenizer(draft, built)
        gguf.unlink()
        if not found.exists():
            shutil.move(built, found)


def _save_ir(gguf: Path) -> None:
    """Read by the pipeline, which is told to save what it made beside the file."""
    import openvino_genai as genai

    genai.ContinuousBatchingPipeline(str(gguf), genai.SchedulerConfig(), "CPU", {"enable_save_ov_model": True})
    if not (gguf.parent / "openvino_model.xml").is_file():
        raise UserError("openvino-genai saved no model for the draft", file=gguf)


def _save_tokenizer(draft: Path, folder: Path) -> None:
    import openvino as ov
    from openvino_tokenizers import convert_tokenizer  # type: ignore[import-untyped]

    from trimtab.model import load_tokenizer

    tokenizer, detokenizer = convert_tokenizer(load_tokenizer(draft), with_detokenizer=True)
    ov.save_model(tokenizer, folder / "openvino_tokenizer.xml")
    ov.save_model(detokenizer, folder / "openvino_detokenizer.xml")
