"""The same thing said in other words: embeddings of whole texts, where the caller hands over a model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.curate.quarantine.prints import Prints, with_vectors
from trimtab.curate.quarantine.texts import Texts
from trimtab.curate.vectors import Embed, Vectors, unit
from trimtab.records import UserError


@dataclass(frozen=True, slots=True)
class Embedder:
    """``name`` says which model it is (its weights' digest).

    ``threshold``: the cosine from which a text says the same as a sealed one.
    """

    name: str
    embed: Embed
    threshold: float

    def unit(self, texts: Sequence[str]) -> Vectors:
        """float32 [texts, dimensions], each row of length one."""
        return unit(self.embed(texts))


def embedded(prints: Prints, texts: Sequence[Texts], embedder: Embedder) -> Prints:
    """The prints with a vector for every whole text of every case."""
    flat = [(owner, text) for owner, found in enumerate(texts) for text in found.wholes]
    if not flat:
        return prints
    return with_vectors(prints, embedder.unit([text for _, text in flat]), [owner for owner, _ in flat], embedder.name)


def check_embedder(prints: Sequence[Prints], embedder: Embedder) -> None:
    """Raises UserError where a sealed shard has no embeddings, or another model's: it could not be compared."""
    for part in prints:
        if len(part.cases) and part.embedder != embedder.name:
            raise UserError(
                f"the shard of {part.cases[0].file or 'sealed cases'} has "
                f"{'embeddings of another model' if part.embedder else 'no embeddings'}",
                field="data.quarantine.embedding",
                fix="Seal its cases again with this embedding model configured, or leave the setting out",
            )


def resembling(prints: Prints, texts: Sequence[str], embedder: Embedder) -> Iterator[tuple[int, int, float]]:
    """``(text, owner, cosine)`` of each text that says the same as a sealed one, the most alike case of each."""
    if not texts or not len(prints.vectors):
        return
    cosines = embedder.unit(texts) @ prints.vectors.T
    nearest = cosines.argmax(axis=1)
    for i, j in enumerate(nearest.tolist()):
        if cosines[i, j] >= embedder.threshold:
            yield i, int(prints.vector_owner[j]), float(cosines[i, j])
