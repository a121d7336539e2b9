"""An entailment judge from a folder: any sequence-classification model with a label for entailment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trimtab.evaluate.grounding.entails import Pair
from trimtab.records import UserError, digest, file_digest


class NliEntails:
    """The probability of the entailment label; premises too long for the model are cut at their end.

    ``folder``: a model for transformers' ``AutoModelForSequenceClassification``; nothing is downloaded and no code of
    the folder is run. Raises UserError where there is no such model or no label for entailment.
    """

    def __init__(self, folder: Path, *, batch: int = 16) -> None:
        self.batch = batch
        self._tokenizer, self._model = _load(folder)
        files = {path.name: file_digest(path) for path in folder.iterdir() if path.is_file()}
        self.name = f"nli:{digest(files)}"
        self._label = _entailment(self._model.config.id2label, folder)
        window = getattr(self._model.config, "max_position_embeddings", 512)
        self._most = min(window, self._tokenizer.model_max_length)

    def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
        scores: list[float | None] = []
        for start in range(0, len(pairs), self.batch):
            scores += self._score(pairs[start : start + self.batch])
        return scores

    def _score(self, pairs: Sequence[Pair]) -> list[float]:
        import torch

        encoded = self._tokenizer(
            [pair.premise for pair in pairs],
            [pair.claim for pair in pairs],
            truncation="only_first",
            max_length=self._most,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            shares = self._model(**encoded).logits.float().softmax(-1)
        return [float(share) for share in shares[:, self._label]]


def _load(folder: Path) -> tuple[Any, Any]:
    if not (folder / "config.json").is_file():
        raise UserError(
            f"no model in {folder}", field="evaluate.entailment.folder", expected="a folder with config.json"
        )
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} holds no sequence-classification model", field="evaluate.entailment.folder"
        ) from error
    return tokenizer, model.eval()


def _entailment(labels: dict[int, str], folder: Path) -> int:
    found = [index for index, label in labels.items() if label.lower().startswith("entail")]
    if len(found) != 1:
        raise UserError(
            f"{folder} has no label for entailment: {', '.join(labels.values())}",
            field="evaluate.entailment.folder",
            expected="one label that starts with 'entail'",
        )
    return found[0]
