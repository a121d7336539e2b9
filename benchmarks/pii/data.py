"""The labelled texts, split by template: what the patterns were tuned on, and what nobody looked at."""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lockstep import ROOT

TYPES = {
    "EMAIL_ADDRESS": "EMAIL",
    "CREDIT_CARD": "CARD",
    "PHONE_NUMBER": "PHONE",
    "DATE_TIME": "DATE",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
    "IP_ADDRESS": "IP",
    "DOMAIN_NAME": "URL",
    "YEAR": "DATE",
}
"""The set's (and Presidio's) names of what has a pattern. Names, places, organisations and ages have none."""
_ORDINARY = {"gsm8k": ("question", "answer"), "wiki_articles": ("text",), "c4_sample": ("text",)}


@dataclass(frozen=True, slots=True)
class Labelled:
    """``spans``: (start, end, type) of all that is personal, patterns or not; ``tuned``: of a template we looked at."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    tuned: bool


def labelled(folder: Path) -> list[Labelled]:
    """presidio_pii, each text on its side: a template's side is a hash's; a held-out template that, its data taken
    out, reads like a tuned one is left out."""
    rows = list(_lines(folder / "presidio_pii" / "original.jsonl.gz"))
    seen = {_template(row) for row in rows if _tuned(row)}
    return [
        Labelled(row["full_text"], _spans(row), _tuned(row))
        for row in rows
        if _tuned(row) or _template(row) not in seen
    ]


def ordinary(folder: Path) -> dict[str, list[str]]:
    """Texts in which there is little to find: sums, encyclopaedia, web pages."""
    texts = {}
    for name, fields in _ORDINARY.items():
        path = folder / name / "original.jsonl.gz"
        if path.is_file():
            texts[name] = [row[field] for row in _lines(path) for field in fields if isinstance(row.get(field), str)]
    return texts


def shared_folder(folder: Path | None) -> Path:
    """The folder that was named, $TRIMTAB_SHARED_DATA, or ``shared/data`` beside the repository or a parent."""
    if folder or os.environ.get("TRIMTAB_SHARED_DATA"):
        return folder or Path(os.environ["TRIMTAB_SHARED_DATA"])
    places = [parent / "shared" / "data" for parent in ROOT.parents]
    return next((place for place in places if place.is_dir()), places[0])


def _tuned(row: dict[str, Any]) -> bool:
    return hashlib.sha256(f"{row['file']}/{row['template_id']}".encode()).digest()[0] % 2 == 0


def _spans(row: dict[str, Any]) -> tuple[tuple[int, int, str], ...]:
    named = ((span["start_position"], span["end_position"], span["entity_type"]) for span in row["spans"])
    return tuple(sorted((start, end, TYPES.get(kind, kind)) for start, end, kind in named))


def _template(row: dict[str, Any]) -> str:
    parts, end = [], 0
    for start, stop, _ in _spans(row):
        parts += [row["full_text"][end:start], "<>"]
        end = stop
    return re.sub(r"\W+", " ", ("".join(parts) + row["full_text"][end:]).casefold().replace("<>", " zz "))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
