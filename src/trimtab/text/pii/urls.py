"""Addresses of pages: with a scheme, with www, or a bare domain under a common top level. Found on request."""

import re

from trimtab.text.pii.kind import Kind

_TOP = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|me|tv|co|eu|uk|us|ca|de|fr|nl|be|ch|at|se|no|dk|fi|is|ie|es"
    "|pt|it|gr|cz|sk|hu|ro|bg|hr|si|ee|lv|lt|ua|ru|tr|il|in|cn|jp|kr|tw|hk|sg|th|vn|my|id|ph|au|nz|za|ng|ke|eg|br|ar"
    "|cl|mx|pe|uy|cy|lu|mt|pl"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATTERN = (
    r"(?i:https?|ftp)://[^\s<>\"\\^`{|}]{2,2000}"
    rf"|(?i:www\.)(?:{_LABEL}\.){{1,6}}[A-Za-z]{{2,24}}(?::\d{{1,5}})?(?:[/?#][^\s<>\"\\^`{{|}}]{{0,2000}})?"
    rf"|(?:{_LABEL}\.){{1,6}}(?:{_TOP})(?![\w@-]|\.\w)(?::\d{{1,5}})?(?:[/?#][^\s<>\"\\^`{{|}}]{{0,2000}})?"
)
_TRAILING = ".,;:!?'"


def _url(match: re.Match[str]) -> int:
    """The length without the sentence's punctuation, and without a bracket that opened before the address."""
    raw = match.group()
    while raw and (raw[-1] in _TRAILING or (raw[-1] in ")]" and raw.count(raw[-1]) > raw.count("(["[raw[-1] == "]"]))):
        raw = raw[:-1]
    return len(raw)


URL = Kind("URL", _PATTERN, (r"(?i:https?|ftp)://", r"[A-Za-z0-9-]{1,63}\.[A-Za-z0-9]"), _url)
