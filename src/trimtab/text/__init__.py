"""Pure text: normal forms, signatures, sentences, citations, facts, personal data, style, and the page to show it."""

from trimtab.text.cite import citations, quotes, sentences, strip_citations
from trimtab.text.document import document, facts_row
from trimtab.text.facts import content_words, entities, number_spans, numbers
from trimtab.text.normal import ngrams, normalise, words
from trimtab.text.pii import ALL_KINDS, DEFAULT_KINDS, Recogniser, Span, normal_datum, pii_spans, scrub
from trimtab.text.shingles import Shingles, shingles
from trimtab.text.signature import jaccard_estimate, shingle_signature
from trimtab.text.style import Manner, Style, manner, style, without_hedges
from trimtab.text.surface import Surface, surface

__all__ = [
    "ALL_KINDS",
    "DEFAULT_KINDS",
    "Manner",
    "Recogniser",
    "Shingles",
    "Span",
    "Style",
    "Surface",
    "citations",
    "content_words",
    "document",
    "entities",
    "facts_row",
    "jaccard_estimate",
    "manner",
    "ngrams",
    "normal_datum",
    "normalise",
    "number_spans",
    "numbers",
    "pii_spans",
    "quotes",
    "scrub",
    "sentences",
    "shingle_signature",
    "shingles",
    "strip_citations",
    "style",
    "surface",
    "without_hedges",
    "words",
]
