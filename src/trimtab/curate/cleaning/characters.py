"""Characters and whitespace of prose, made plain: mojibake, controls, invisible marks, odd spaces, NFC, blank lines.

Inside fenced code only line ends, lone surrogates and NUL are touched; table rows keep their spaces.
"""

import re
import unicodedata
from collections.abc import Callable

from trimtab.curate.cleaning.mojibake import fix_mojibake

_ROUNDS = 5
_SURROGATE = re.compile("[\ud800-\udfff]+")
_LINE_END = re.compile(r"\r\n?")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_BREAKS = re.compile("[\x0b\x0c\u2028\u2029]")
_WIDE = "\u3000"
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0100-\U000e01ef]"
)
_DIRECTION = re.compile("[\u200e\u200f\u2066-\u2069]")
_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
_TAG = re.compile("[\U000e0000-\U000e007f]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,7}\U000e007f")
_FENCE = re.compile(r"^[ ]{0,3}(```+|~~~+)[^\n]*\n(?:.*?\n)??[ ]{0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_TRAILING = re.compile(r"[ \t]+(?=\n)")
_BLANKS = re.compile(r"\n{3,}")
_PRINTED_ODD = re.compile("[\u00c2-\u00f4\u034f\u3000\U000e0100-\U000e01ef]")
"""What ``str.isprintable`` lets through: the first bytes of mojibake, and marks that combine with nothing."""

Step = tuple[str, Callable[[str], str]]


def clean_text(text: str) -> tuple[str, tuple[str, ...]]:
    """The text made plain, and the kinds of what was changed (empty: it is the text that came). Idempotent."""
    if _is_plain(text):
        return text, ()
    kinds: dict[str, None] = {}
    for _ in range(_ROUNDS):  # one repair can uncover another
        before = text
        for kind, step in _WHOLE:
            text = _applied(text, kind, step, kinds)
        text = _outside_code(text, lambda prose: _prose(prose, kinds))
        for kind, step in _EDGES:
            text = _applied(text, kind, step, kinds)
        if text == before:
            break
    return text, tuple(kinds)


def _is_plain(text: str) -> bool:
    """Told fast, and never wrongly: most texts have nothing to repair."""
    return (
        text.replace("\n", "").replace("\t", "").isprintable()
        and not any(map(text.__contains__, (" \n", "\t\n", "\n\n\n")))
        and text == text.strip()
        and (text.isascii() or (not _PRINTED_ODD.search(text) and unicodedata.is_normalized("NFC", text)))
    )


def safe_text(text: str) -> tuple[str, tuple[str, ...]]:
    """What may be changed anywhere, also in system prompts and in what a tool returned: what no tokenizer can read."""
    fixed = _surrogates(text) if not text.isascii() else text
    fixed = fixed.replace("\x00", "")
    return fixed, ("unreadable characters",) if fixed != text else ()


def _applied(text: str, kind: str, step: Callable[[str], str], kinds: dict[str, None]) -> str:
    changed = step(text)
    if changed != text:
        kinds[kind] = None
    return changed


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    if "```" not in text and "~~~" not in text:
        return change(text)
    pieces, start = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [change(text[start : fence.start()]), fence.group()]
        start = fence.end()
    return "".join([*pieces, change(text[start:])])


def _prose(text: str, kinds: dict[str, None]) -> str:
    steps = _PLAIN if text.isascii() else (*_WIDE_STEPS, *_PLAIN)
    for kind, step in steps:
        text = _applied(text, kind, step, kinds)
    return text


def _surrogates(text: str) -> str:
    """Pairs become the character that they spell; what is left alone cannot be encoded, and goes."""
    if not _SURROGATE.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _SURROGATE.sub("", joined)


def _controls(text: str) -> str:
    """Terminal escapes go; C1 codes are read as Windows-1252, where they mean quotes and dashes; the others go."""
    return _CONTROL.sub(lambda match: _meant(match.group()), _ESCAPE.sub("", text))


def _meant(char: str) -> str:
    return bytes([ord(char)]).decode("cp1252", "ignore") if char >= "\x80" else ""


def _invisible(text: str) -> str:
    """Without marks that nobody sees; joiners stay between letters that need them, and flags keep their tags."""
    text = _JOINER.sub("", _INVISIBLE.sub("", text))
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    if not _TAG.search(text):
        return text
    pieces, start = [], 0
    for flag in _FLAG.finditer(text):
        pieces += [_TAG.sub("", text[start : flag.start()]), flag.group()]
        start = flag.end()
    return "".join([*pieces, _TAG.sub("", text[start:])])


def _odd_spaces(text: str) -> str:
    text = _BREAKS.sub("\n", _SPACES.sub(" ", text))
    return text if _WIDE not in text or _CJK.search(text) else text.replace(_WIDE, " ")


def _trailing(text: str) -> str:
    return _TRAILING.sub(lambda match: _kept_spaces(match, text), text) if " \n" in text or "\t\n" in text else text


def _kept_spaces(match: re.Match[str], text: str) -> str:
    """Two spaces between two lines of text are Markdown's line break; a table's spaces align it."""
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    goes_on = text[match.end() + 1 : match.end() + 2].strip()
    keeps = line.lstrip().startswith("|") or (match.group() == "  " and line.strip() and goes_on)
    return match.group() if keeps else ""


def _first_line(text: str) -> str:
    """Blank lines before the text go, and an indent of up to three spaces: four may be code."""
    bare = re.sub(r"\A(?:[ \t]*\n)+", "", text)
    indent = len(bare) - len(bare.lstrip(" \t"))
    return bare[indent:] if (indent < 4 and "\t" not in bare[:indent]) or "\n" not in bare else bare


_WHOLE: tuple[Step, ...] = (
    ("unreadable characters", lambda text: safe_text(text)[0]),
    ("line ends", lambda text: _LINE_END.sub("\n", text)),
)
_WIDE_STEPS: tuple[Step, ...] = (
    ("mojibake", fix_mojibake),
    ("invisible characters", _invisible),
    ("Unicode form", lambda text: unicodedata.normalize("NFC", text)),
)
_PLAIN: tuple[Step, ...] = (
    ("control characters", _controls),
    ("odd spaces", _odd_spaces),
    ("trailing spaces", _trailing),
    ("blank lines", lambda text: _BLANKS.sub("\n\n", text)),
)
_EDGES: tuple[Step, ...] = (("outer spaces", lambda text: _first_line(text).rstrip()),)
