"""What a text's vector is: a transformer's last hidden states, averaged over its tokens and scaled to length one.

v = m / ‖m‖₂ with m = 1/T · Σₜ hₜ over an input's T tokens, its special ones included and padding left out: the MEAN
strategy of N. Reimers and I. Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019,
section 3. Cosine similarity of two inputs is the dot product of their vectors.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trimtab.model import load_tokenizer, weights_digest
from trimtab.model.folder import check_folder, quietly
from trimtab.records import UserError

Ids = tuple[int, ...]
Vector = list[float]
_NO_LIMIT = 1 << 30
_MODULES = ("Transformer", "Pooling", "Normalize")

# N: inputs of a batch, T: tokens of the longest, D: dimensions.


class EmbeddingModel:
    """Any Hugging Face encoder or causal language model of ``folder`` on the CPU, in float32 whatever is stored.

    Raises UserError where the folder is no such model, lacks weights, or was made for another pooling.
    """

    def __init__(self, folder: Path) -> None:
        check_folder(folder)
        _check_pooling(folder)
        self.weights = weights_digest(folder)
        tokenizer = load_tokenizer(folder)
        self._tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_truncation()  # what a tokenizer file asks for here would cut texts without a word
        self._tokenizer.no_padding()
        self._model = _load(folder)
        self.vocabulary = int(self._model.get_input_embeddings().weight.shape[0])
        self._pad = _pad_of(self._model, self.vocabulary)
        self.context = _context(self._model, tokenizer)
        """Most tokens of one input; 0 where neither model nor tokenizer says."""
        self.dimensions = len(self.vectors([(0,)])[0])

    def prepare(self, inputs: Sequence[str | Sequence[int]]) -> list[Ids]:
        """Each input's tokens: a text's with the tokenizer's special ones, token ids as they are.

        Raises UserError that names the first input which is empty, too long (nothing is ever cut off) or holds an id
        outside the vocabulary. Thread-safe.
        """
        texts = [given for given in inputs if isinstance(given, str)]
        encoded = iter(self._tokenizer.encode_batch(texts))
        found = [tuple(next(encoded).ids) if isinstance(given, str) else tuple(given) for given in inputs]
        for index, ids in enumerate(found):
            self._check(index, ids)
        return found

    def parts(self, text: str) -> list[Ids]:
        """A text's tokens, special ones included, in runs of at most the context; none where it has none."""
        ids = self._tokenizer.encode(text).ids
        length = self.context or max(len(ids), 1)
        return [tuple(ids[first : first + length]) for first in range(0, len(ids), length)]

    @torch.inference_mode()
    def vectors(self, batch: Sequence[Ids]) -> list[Vector]:
        """One vector of length one for each input; every input is at least a token."""
        ids_NT, real_NT = _padded(batch, self._pad)
        hidden_NTD: Tensor = self._model(input_ids=ids_NT, attention_mask=real_NT.long()).last_hidden_state
        sum_ND = hidden_NTD.masked_fill(~real_NT.unsqueeze(-1), 0.0).sum(1)
        mean_ND = sum_ND / real_NT.sum(1, keepdim=True)
        unit_ND = mean_ND / mean_ND.norm(dim=-1, keepdim=True)
        if not bool(unit_ND.isfinite().all()):
            raise RuntimeError("the embedding model gives numbers that are none")
        vectors: list[Vector] = unit_ND.tolist()
        return vectors

    def _check(self, index: int, ids: Ids) -> None:
        field = f"input[{index}]"
        if not ids:
            raise UserError(f"input {index} has no tokens", field=field, expected="at least one")
        if self.context and len(ids) > self.context:
            raise UserError(
                f"input {index} has {len(ids)} tokens",
                field=field,
                expected=f"at most the embedding model's {self.context}",
                fix="Cut it into parts",
            )
        if min(ids) < 0 or max(ids) >= self.vocabulary:
            raise UserError(
                f"input {index} has a token id outside the model's vocabulary",
                field=field,
                expected=f"0 to {self.vocabulary - 1}",
            )


def _load(folder: Path) -> Any:
    """The model without its head. Raises UserError."""
    from transformers import AutoModel

    try:
        model, found = quietly(
            AutoModel.from_pretrained,
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise UserError(f"the folder holds no model to embed with ({error})", file=folder) from error
    missing = sorted(key for key in found["missing_keys"] if "pooler" not in key)  # a pooler is not used
    if missing or found["mismatched_keys"]:
        named = ", ".join([*missing, *(str(key) for key in found["mismatched_keys"])][:3])
        raise UserError("the folder lacks weights of its model, which would be random", file=folder, expected=named)
    if model.config.is_encoder_decoder:
        raise UserError("an encoder with a decoder", file=folder, expected="an encoder or a causal language model")
    model.config.get_text_config().use_cache = False  # nothing is generated: no keys and values are kept
    return model.eval()


def _check_pooling(folder: Path) -> None:
    """Raises UserError where sentence-transformers' files say that the model's vectors are made in another way."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        paths = [folder / module["path"] for module in modules]
        pooling = dict(zip(kinds, paths, strict=True)).get("Pooling")
        fields = {} if pooling is None else json.loads((pooling / "config.json").read_text(encoding="utf-8"))
    except OSError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("modules.json or its pooling cannot be read", file=folder) from error
    wrong = [kind for kind in kinds if kind not in _MODULES]
    modes = [name.removeprefix("pooling_mode_") for name, on in fields.items() if on is True and "_mode_" in name]
    wrong += [mode for mode in [*modes, fields.get("pooling_mode", "mean")] if mode not in ("mean", "mean_tokens")]
    if wrong:
        raise UserError(f"the model's vectors are made by {wrong[0]}", file=folder, expected="a mean over tokens")


def _context(model: Any, tokenizer: Any) -> int:
    positions = int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or _NO_LIMIT)
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if (padding := getattr(table, "padding_idx", None)) is not None:
        positions -= int(padding) + 1  # RoBERTa's positions begin behind the padding's
    limit = min(positions, int(getattr(tokenizer, "model_max_length", None) or _NO_LIMIT))
    return 0 if limit >= _NO_LIMIT else limit


def _pad_of(model: Any, vocabulary: int) -> int:
    """The id that fills shorter rows; any will do where the mask hides it."""
    pad = model.config.get_text_config().pad_token_id
    return pad if isinstance(pad, int) and 0 <= pad < vocabulary else 0


def _padded(batch: Sequence[Ids], pad: int) -> tuple[Tensor, Tensor]:
    """Ids filled up on the right, and where they are real."""
    longest = max(len(ids) for ids in batch)
    ids_NT = torch.tensor([[*ids, *(pad,) * (longest - len(ids))] for ids in batch])
    lengths_N1 = torch.tensor([[len(ids)] for ids in batch])
    return ids_NT, torch.arange(longest) < lengths_N1
