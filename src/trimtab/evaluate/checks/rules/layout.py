"""Constraints on form: lists, titles, sections, JSON, quotation marks, placeholders."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BULLET = re.compile(r"^\s*(?:\*[^*]|[-+•]\s)", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*(\d+)[.)]\s+\S", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*[^\n*]*[^\s*][^\n*]*\*\*|(?<!\*)\*(?!\s)[^\n*]*[^\s*]\*(?!\*)")
_TITLE = re.compile(r"<<[^\n<>]*[^\s<>][^\n<>]*>>")
_PLACEHOLDER = re.compile(r"\[[^\[\]]+\]")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL | re.IGNORECASE)


def _bullets(answer: str, rule: Mapping[str, Any]) -> bool:
    return len(_BULLET.findall(answer)) == int(rule["count"])


def _numbered(answer: str, rule: Mapping[str, Any]) -> bool:
    """Items numbered from 1 without a gap."""
    return [int(number) for number in _NUMBERED.findall(answer)] == list(range(1, int(rule["count"]) + 1))


def _highlights(answer: str, rule: Mapping[str, Any]) -> bool:
    return len(_HIGHLIGHT.findall(answer)) >= int(rule["count"])


def _title(answer: str, rule: Mapping[str, Any]) -> bool:
    return _TITLE.search(answer) is not None


def _placeholders(answer: str, rule: Mapping[str, Any]) -> bool:
    return len(_PLACEHOLDER.findall(answer)) >= int(rule["count"])


def _sections(answer: str, rule: Mapping[str, Any]) -> bool:
    """At least ``count`` headings such as ``Section 1``."""
    return len(re.findall(rf"\s?{re.escape(str(rule['mark']))}\s?\d+\s?", answer)) >= int(rule["count"])


def _json(answer: str, rule: Mapping[str, Any]) -> bool:
    """The whole answer is JSON, a code fence around it allowed; ``keys``: those its object must have."""
    fenced = _FENCE.match(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer)
    except ValueError:
        return False
    keys = rule.get("keys", ())
    return not keys or (isinstance(value, dict) and all(key in value for key in keys))


def _quoted(answer: str, rule: Mapping[str, Any]) -> bool:
    text = answer.strip()
    return len(text) > 1 and text[0] == '"' and text[-1] == '"'


def _two_answers(answer: str, rule: Mapping[str, Any]) -> bool:
    """Two different texts with six asterisks between them."""
    parts = [part.strip() for part in answer.split("******")]
    return len([part for part in parts if part]) == 2 and len(set(parts)) == len(parts) and "" not in parts[1:-1]


def _postscript(answer: str, rule: Mapping[str, Any]) -> bool:
    """A line that begins with ``mark``, dots and spaces in it free."""
    letters = [re.escape(letter) for letter in str(rule["mark"]) if letter.isalpha()]
    return re.search(r"\s*" + r"\.?\s?".join(letters) + r"\.?.*$", answer, re.IGNORECASE | re.MULTILINE) is not None


def _comma_separated(answer: str, rule: Mapping[str, Any]) -> bool:
    """One line of ``count`` parts with commas between them."""
    lines = [line for line in answer.splitlines() if line.strip()]
    return len(lines) == 1 and sum(1 for part in lines[0].split(",") if part.strip()) == int(rule["count"])


RULES = {
    "bullets": _bullets,
    "numbered": _numbered,
    "highlights": _highlights,
    "title": _title,
    "placeholders": _placeholders,
    "sections": _sections,
    "json": _json,
    "quoted": _quoted,
    "two_answers": _two_answers,
    "postscript": _postscript,
    "comma_separated": _comma_separated,
}
