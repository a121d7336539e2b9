"""The door's privacy stage: rows go on without personal data; the vault holds what the placeholders stand for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.privacy.config import PrivacyConfig
from trimtab.curate.privacy.hide import Find, Hidden, hide
from trimtab.curate.stage import Repair, Staged, repaired
from trimtab.records import row_from_json, with_provenance
from trimtab.store import Held
from trimtab.text import Recogniser, Span, normal_datum, pii_spans

VAULT = "vault"
"""The field of a row's provenance that names what the vault holds of it, oldest first."""
_ASIDE = ("tools", "margin", "scores")
"""Tool schemas are the product's own words; margins and scores are measurements."""


class Vault(Protocol):
    """Keeps mappings out of sight; who holds its key can turn placeholders back."""

    def keep(self, rows: Sequence[Held]) -> list[str]:
        """Hold all of them, or none; the references under which the rows name what is held, the same for equal rows."""
        ...


def privacy_stage(
    rows: Sequence[Placed],
    *,
    config: PrivacyConfig,
    vault: Vault | None = None,
    recognisers: Sequence[Recogniser] = (),
    public: str = "",
) -> Staged:
    """Every row without the personal data that is looked for; each that changed has its repair.

    A pair is dropped where its two sides differed in nothing but how a datum is written.

    ``public``: a text (the product's own system prompt) whose data are nobody's. Without a ``vault`` the rows are the
    same but for the reference in their provenance, and nobody can turn them back.
    """
    if not config.scrub:
        return Staged(rows)
    find = finder(config, recognisers, public)
    aliases = _aliases(rows, find)
    results = [_cleaned(placed, hide(placed.row.to_json(), find, aliases=aliases, aside=_ASIDE)) for placed in rows]
    changed = [result for result in results if isinstance(result, _Changed)]
    kept = iter(_kept(changed, vault))
    rest = [result for result in results if not isinstance(result, Drop)]
    return Staged(
        rows=[_referring(one.placed, next(kept)) if isinstance(one, _Changed) else one for one in rest],
        drops=[result for result in results if isinstance(result, Drop)],
        repairs=[_repair(change) for change in changed],
        findings=_findings(changed, config, vault),
    )


def finder(config: PrivacyConfig, recognisers: Sequence[Recogniser] = (), public: str = "") -> Find:
    """What finds the data that ``config`` asks for, but for what it allows and what ``public`` says."""
    names = config.names
    allowed = {normal_datum(text) for text in (*config.allow, *_texts(pii_spans(public, names)))}

    def find(text: str) -> Sequence[Span]:
        spans = pii_spans(text, names, recognisers)
        return [span for span in spans if normal_datum(span.text) not in allowed] if spans and allowed else spans

    return find


def _aliases(rows: Iterable[Placed], find: Find) -> dict[str, str]:
    """Annotators whose name is personal data, numbered over all rows: who judged what stays tellable."""
    names = dict.fromkeys(name for placed in rows for name in _annotators(placed) if find(name))
    return {name: f"<ANNOTATOR_{number}>" for number, name in enumerate(names, start=1)}


def _annotators(placed: Placed) -> list[str]:
    said = placed.row.provenance.get("annotator")
    return [*getattr(placed.row, "annotators", ()), *([said] if isinstance(said, str) and said else [])]


@dataclass(frozen=True, slots=True)
class _Changed:
    """A row without its data, and what was taken out."""

    placed: Placed
    found: Hidden


def _cleaned(placed: Placed, found: Hidden | None) -> Placed | _Changed | Drop:
    if found is None:
        return placed
    value = found.value
    if "chosen" in value and value["chosen"] == value["rejected"]:
        return dropped(placed, "no difference", "the sides differ only in how they write the same personal data")
    return _Changed(replace(placed, row=row_from_json(value)), found)


def _kept(changed: Sequence[_Changed], vault: Vault | None) -> list[str]:
    """A reference for each; empty without a vault."""
    if vault is None or not changed:
        return [""] * len(changed)
    return vault.keep([Held(one.placed.key, one.found.mapping, _data(one.found)) for one in changed])


def _referring(placed: Placed, reference: str) -> Placed:
    if not reference:
        return placed
    return replace(placed, row=with_provenance(placed.row, **{VAULT: [*references(placed.row.provenance), reference]}))


def references(provenance: Mapping[str, Any]) -> list[str]:
    """The references to a vault that a row's provenance carries, oldest first."""
    said = provenance.get(VAULT)
    return [one for one in said if isinstance(one, str)] if isinstance(said, list | tuple) else []


def _data(found: Hidden) -> tuple[str, ...]:
    originals = (str(original) for writings in found.mapping.values() for original in writings)
    return tuple(sorted({normal_datum(text) for text in originals}))


def _repair(change: _Changed) -> Repair:
    counts = _counts(_kinds(change)).items()
    return repaired(change.placed, "privacy", ", ".join(f"{count} {kind}" for kind, count in counts))


def _findings(changed: Sequence[_Changed], config: PrivacyConfig, vault: Vault | None) -> dict[str, Any]:
    """Counts of data (not of their occurrences) by kind and by source; never the data."""
    by_source: dict[str, list[str]] = {}
    for change in changed:
        by_source.setdefault(change.placed.source, []).extend(_kinds(change))
    return {
        "rows": len(changed),
        "by_kind": _counts(kind for kinds in by_source.values() for kind in kinds),
        "by_source": {source: _counts(kinds) for source, kinds in sorted(by_source.items())},
        "looked_for": list(config.kinds),
        "reversible": vault is not None,
    }


def _kinds(change: _Changed) -> list[str]:
    return [change.found.kinds[name].lower() for name in change.found.mapping]


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _texts(spans: Iterable[Span]) -> list[str]:
    return [span.text for span in spans]
