"""What of a text is prose: fenced and inline code, tables, formulas and addresses left out."""

import re

_BLOCKS = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)|`[^`\n]+`|\$(?=\S)[^$\n]{1,200}(?<=\S)\$(?!\d)|https?://\S+",
    re.DOTALL,
)
_LINE_WISE = re.compile(r"^(?:[ \t]*\||    |\t).*$|^[^|\n]+\|[^|\n]+\|.*$", re.MULTILINE)
_MARK = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_CODE_LINE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|if|for|while|#include|public|var|let|const)\b.*[:;({]?$"
)


def prose_of(text: str) -> str:
    """The text with everything that is no prose blanked."""
    if not any(mark in text for mark in ("`", "~~~", "$", "\\", "http", "|", "\t", "    ")):
        return text
    return _LINE_WISE.sub(" ", _BLOCKS.sub(" ", text))


def without_marks(text: str) -> str:
    """Without the marks of list items."""
    return _MARK.sub("", text)


def is_code(text: str) -> bool:
    """Whether most lines look like a program's, fenced or not."""
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and sum(bool(_CODE_LINE.search(line)) for line in lines) > 0.4 * len(lines)
