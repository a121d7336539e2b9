"""Personal data found in one pass over a text, by kind, and put out of sight."""

from trimtab.text.pii.find import ALL_KINDS, DEFAULT_KINDS, pii_spans
from trimtab.text.pii.kind import Recogniser, Span
from trimtab.text.pii.scrub import normal_datum, scrub

__all__ = ["ALL_KINDS", "DEFAULT_KINDS", "Recogniser", "Span", "normal_datum", "pii_spans", "scrub"]
