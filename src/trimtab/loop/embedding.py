"""The model behind /v1/embeddings: taken from ``serving.embeddings`` as ``model`` is, and opened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trimtab.curate import Embedder
from trimtab.loop.config import Serving
from trimtab.loop.workspace import Workspace
from trimtab.model import resolve
from trimtab.records import UserError

if TYPE_CHECKING:
    from trimtab.engine import TextEmbedder


def quarantine_embedder(workspace: Workspace) -> Embedder | None:
    """What the quarantine compares meanings with: ``serving.embeddings``, where ``data.quarantine.embedding`` is set.

    Raises UserError where the threshold is set and no model is.
    """
    threshold = workspace.config.data.quarantine.embedding
    if threshold is None:
        return None
    model = open_embedder(workspace.config.serving)
    if model is None:
        raise UserError("no embedding model is named", field="serving.embeddings", fix="Name one there")

    def vectors(texts: Sequence[str]) -> list[list[float]]:
        # A token is a byte at least: so much of a long text always fits.
        cut = [text.encode()[: model.context - 2].decode("utf-8", "ignore") for text in texts]
        return [list(vector) for vector in model.embed(model.prepare(cut)).result()]

    return Embedder(model.weights, vectors, threshold)


def open_embedder(serving: Serving) -> "TextEmbedder | None":
    """What ``serving.embeddings`` names; None where it names nothing. Raises UserError where it cannot be had."""
    if not serving.embeddings:
        return None
    from trimtab.engine import TextEmbedder

    try:
        return TextEmbedder(resolve(serving.embeddings, chats=False))
    except UserError as error:
        raise UserError(
            f"the embedding model cannot be served: {error.message}",
            file=error.file,
            field="serving.embeddings",
            expected=error.expected,
            fix=error.fix,
        ) from error
