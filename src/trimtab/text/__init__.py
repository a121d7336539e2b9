"""Pure text: normal forms, signatures, sentences, citations, facts, personal data and style."""

from trimtab.text.cite import citations, quotes, sentences, strip_citations
from trimtab.text.facts import content_words, entities, number_spans, numbers
from trimtab.text.normal import ngrams, normalise, words
from trimtab.text.pii import Span, pii_spans, scrub
from trimtab.text.signature import jaccard_estimate, shingle_signature
from trimtab.text.style import Manner, Style, manner, style

__all__ = [
    "Manner",
    "Span",
    "Style",
    "citations",
    "content_words",
    "entities",
    "jaccard_estimate",
    "manner",
    "ngrams",
    "normalise",
    "number_spans",
    "numbers",
    "pii_spans",
    "quotes",
    "scrub",
    "sentences",
    "shingle_signature",
    "strip_citations",
    "style",
    "words",
]
