"""Whether answers rest on what they were shown: citations, quotations, claims, and refusing where nothing is there."""

from trimtab.evaluate.grounding.citing import Citing, citing, citing_by
from trimtab.evaluate.grounding.config import EntailmentConfig, entails_of
from trimtab.evaluate.grounding.entails import Entails, Kept, Lexical, Pair
from trimtab.evaluate.grounding.fidelity import WrongQuote, fidelity, nearest_quote, wrong_quotes
from trimtab.evaluate.grounding.notes import grounding_notes
from trimtab.evaluate.grounding.presence import presence_scores, refusal_scores
from trimtab.evaluate.grounding.scores import citation_scores, entailed_scores, ungrounded_scores
from trimtab.evaluate.grounding.spans import Sources, Ungrounded, sources_of, ungrounded, ungrounded_by
from trimtab.evaluate.grounding.support import Worked, supported

__all__ = [
    "Citing",
    "EntailmentConfig",
    "Entails",
    "Kept",
    "Lexical",
    "Pair",
    "Sources",
    "Ungrounded",
    "Worked",
    "WrongQuote",
    "citation_scores",
    "citing",
    "citing_by",
    "entailed_scores",
    "entails_of",
    "fidelity",
    "grounding_notes",
    "nearest_quote",
    "presence_scores",
    "refusal_scores",
    "sources_of",
    "supported",
    "ungrounded",
    "ungrounded_by",
    "ungrounded_scores",
    "wrong_quotes",
]
