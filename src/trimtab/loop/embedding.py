"""Embedding models taken as ``model`` is: the one behind /v1/embeddings, and the one that compares meanings."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trimtab.curate import CurateConfig, Embedder
from trimtab.curate.vectors import Embed, Vectors, unit
from trimtab.loop.config import Serving
from trimtab.loop.workspace import Workspace
from trimtab.model import resolve
from trimtab.records import UserError

if TYPE_CHECKING:
    from trimtab.engine import TextEmbedder

_FIELD = "data.embeddings"
_TEXTS = 1024
"""Texts under way at a time: a vector is a list of Python's floats until it is an array's row."""


def quarantine_embedder(workspace: Workspace) -> Embedder | None:
    """What the quarantine compares meanings with, where ``data.quarantine.embedding`` is set.

    The model stays open for as long as the quarantine asks it. Raises UserError where the threshold is set and no
    model is.
    """
    config = workspace.config.data
    if config.quarantine.embedding is None:
        return None
    if not config.embeddings:
        raise UserError("no embedding model is named", field=_FIELD, fix="Name one there")
    model = _open(config.embeddings, _FIELD, "used")
    return Embedder(model.weights, partial(vectors, model), config.quarantine.embedding)


def open_embedder(serving: Serving) -> "TextEmbedder | None":
    """What ``serving.embeddings`` names; None where it names nothing. Raises UserError where it cannot be had."""
    return _open(serving.embeddings, "serving.embeddings", "served") if serving.embeddings else None


def meaning(config: CurateConfig) -> Embed | None:
    """What embeds rows with the model of ``data.embeddings``, open only while it does.

    None where meanings are not to be compared or no model is named. Called, it raises UserError where the model
    cannot be had.
    """
    return embedding(config) if config.dedupe.semantic is not None else None


def embedding(config: CurateConfig) -> Embed | None:
    """What embeds texts with the model of ``data.embeddings``, open only while it does; None where it names none."""
    if not config.embeddings:
        return None

    def embed(texts: Sequence[str]) -> Vectors:
        with closing(_open(config.embeddings, _FIELD, "used")) as embedder:
            return vectors(embedder, texts)

    return embed


def vectors(embedder: "TextEmbedder", texts: Sequence[str]) -> Vectors:
    """float32 [texts, dimensions]: the mean over a text's tokens, of length one; zeros for a text of no tokens.

    A text longer than the model's context is embedded in parts, each counted by its tokens.
    """
    found = np.zeros((len(texts), embedder.dimensions), np.float32)
    for first in range(0, len(texts), _TEXTS):
        parts = [
            (i, ids) for i, text in enumerate(texts[first : first + _TEXTS], first) for ids in embedder.parts(text)
        ]
        made = embedder.embed([ids for _, ids in parts]).result()
        for (i, ids), vector in zip(parts, made, strict=True):
            found[i] += np.asarray(vector, np.float32) * len(ids)
    return unit(found)


def _open(reference: str, field: str, use: str) -> "TextEmbedder":
    from trimtab.engine import TextEmbedder

    try:
        return TextEmbedder(resolve(reference, chats=False))
    except UserError as error:
        raise UserError(
            f"the embedding model cannot be {use}: {error.message}",
            file=error.file,
            field=field,
            expected=error.expected,
            fix=error.fix,
        ) from error
