"""Personal data put out of sight: each datum a placeholder, equal data the same one within a text."""

import re
from collections.abc import Iterable

from trimtab.text.pii.find import DEFAULT_KINDS, pii_spans

_APART = re.compile(r"[\s().-]")


def scrub(text: str, kinds: Iterable[str] = DEFAULT_KINDS) -> str:
    """The text with each personal datum replaced by ``<KIND_n>``; equal data get equal numbers within one text."""
    parts, numbers, end = [], dict[str, dict[str, int]](), 0
    for span in pii_spans(text, kinds):
        of_kind = numbers.setdefault(span.kind, {})
        number = of_kind.setdefault(normal_datum(span.text), len(of_kind) + 1)
        parts += [text[end : span.start], f"<{span.kind}_{number}>"]
        end = span.end
    return "".join(parts) + text[end:]


def normal_datum(text: str) -> str:
    """Equal for two writings of one datum: without gaps, brackets, points and dashes, in one case."""
    return _APART.sub("", text).casefold()
