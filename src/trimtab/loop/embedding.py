"""The model behind /v1/embeddings: taken from ``serving.embeddings`` as ``model`` is, and opened."""

from typing import TYPE_CHECKING

from trimtab.loop.config import Serving
from trimtab.model import resolve
from trimtab.records import UserError

if TYPE_CHECKING:
    from trimtab.engine import TextEmbedder


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
