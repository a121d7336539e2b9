"""What a file's rows are: named in the config, or told from the first of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.curate.adapters import ADAPTERS, Adapter, AdapterOptions, adapter_named
from trimtab.curate.formats import Format, format_named, guess_format, kind_of, understood
from trimtab.curate.reading import Raw
from trimtab.records import Row, UserError

FIRST = 20
"""Rows by which a format is told."""
_MOST = 2000
"""Bad rows that are looked past to find them."""


@dataclass(frozen=True, slots=True)
class How:
    """``form`` is None where no row was of a known kind, or where an adapter reads; ``named``: by the config."""

    form: Format | None
    adapter: Adapter | None
    sentence: str
    named: bool


def first_rows(raws: Iterator[Raw]) -> list[Raw]:
    """Rows off the front until ``FIRST`` of them are whole."""
    first: list[Raw] = []
    whole = 0
    for raw in raws:
        first.append(raw)
        whole += raw.error is None
        if whole >= FIRST or len(first) >= _MOST:
            break
    return first


def told(values: Sequence[Any], format: str | None, adapter: str | None, options: AdapterOptions) -> How:
    """How to read a file that begins with these rows: as most of them are. Raises UserError on an unknown name."""
    if adapter:
        return How(None, adapter_named(adapter, options), f"adapter {adapter}", True)
    if format:
        return _with_adapter(format_named(format), f"{format}, as configured", True, options)
    kinds = [kind for value in values if isinstance(value, Mapping) and (kind := kind_of(value)) is not None]
    if not kinds:
        return How(None, None, "of no known kind", False)
    form, _ = Counter(kinds).most_common(1)[0]
    rows = [value for value in values if isinstance(value, Mapping) and kind_of(value) is form]
    return _with_adapter(form, understood(form, rows), False, options)


def _with_adapter(form: Format, sentence: str, named: bool, options: AdapterOptions) -> How:
    return How(form, adapter_named(form.name, options) if form.name in ADAPTERS else None, sentence, named)


def parse_row(value: Any, how: How) -> tuple[Row, ...]:
    """The rows that one row of the file becomes. Raises UserError where it is not of the file's kind."""
    if not isinstance(value, Mapping):
        raise UserError(f"a row must be an object, not {type(value).__name__}")
    if how.form is None and how.adapter is None:
        guess_format([value])
        raise UserError("a row of a known kind in a file whose first rows are of none", fix="Name the format")
    if how.form is not None and how.adapter is None:
        _check_kind(value, how.form, how.named)
    if how.adapter is not None:
        example = how.adapter.example(value)
        return () if example is None else (example,)
    assert how.form is not None
    assert how.form.parse is not None
    return how.form.parse(value)


def _check_kind(value: Mapping[str, Any], form: Format, named: bool) -> None:
    """A told file holds rows of one kind: a thumb among chats would else be learnt without its verdict."""
    kind = kind_of(value)
    if form.name == "native" or (form.recognise(value) and (named or kind is form)):
        return
    other = f" but of {kind.name}" if kind is not None and kind is not form else ""
    raise UserError(
        f"not a row of {form.name}{other}, with the fields {', '.join(map(str, value)) or 'none'}",
        expected=form.sentence,
        fix="Put each kind in a file of its own, or name the format (`native` reads our own kinds mixed)"
        if other
        else None,
    )
