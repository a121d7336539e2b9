"""What every imported row carries beside its text: labels to count by, and where it comes from, licence included."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trimtab.curate.labelling import action_of
from trimtab.curate.reading import Raw
from trimtab.records import Example, Row

_COLUMNS = {"license": "license", "licence": "license", "consent": "consent", "source": "origin"}
"""Columns that speak of where a row comes from, and what provenance calls them."""


def labelled(row: Row, raw: Raw, domain: str | None, source: str, about: Mapping[str, str | bool]) -> Row:
    """The row with domain and action where it lacks them, and with its source, place, licence and consent.

    ``about``: what its whole data set carries; the row's own word goes before it.
    """
    meta = raw.value.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    labels = {**row.labels, "domain": str(row.labels.get("domain") or domain or meta.get("domain") or source)}
    origin = {"origin": str(meta["id"])} if meta.get("id") else {}
    if "licence" in row.provenance:  # said already, in the other spelling
        about = {name: value for name, value in about.items() if name != "license"}
    provenance = {"source": source, **about, **_said(meta), **_said(raw.value), **origin, **row.provenance}
    if row.provenance.get("file"):
        provenance.setdefault("origin", f"{row.provenance['file']}:{row.provenance.get('line', 0)}")
    provenance |= {"file": raw.file, "line": raw.line}
    if isinstance(row, Example) and "action" not in labels:
        labels["action"] = action_of(row.messages)
        provenance["action"] = "told from the last turn"
    return replace(row, labels=labels, provenance=provenance)


def granted(license: str | None, consent: bool | None) -> dict[str, str | bool]:
    """What a source's settings say for rows that say nothing of their own."""
    found: dict[str, str | bool] = {} if license is None else {"license": license}
    return found if consent is None else {**found, "consent": consent}


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Licence, consent and origin as a row's own columns give them; a consent is a text or a truth value."""
    found = {name: fields[column] for column, name in _COLUMNS.items() if fields.get(column) not in (None, "")}
    return {name: value for name, value in found.items() if isinstance(value, str | bool)}
