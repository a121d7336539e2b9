"""What each stage of the door found: strata, intervals and counts are drawn, all else is a table."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from trimtab.cli.dataset.plots import Interval, bars, intervals, quotas

_MOST = 50
"""Rows of one table."""
_ENDS = (("ci_low", "ci_high"), ("low", "high"), ("lower", "upper"))
_DEEPEST = 4


def findings_section(findings: Mapping[str, Any]) -> str:
    """Every stage's findings, a card each; empty where no stage found anything."""
    cards = [
        f'<div class="card"><h3>{escape(_spoken(name))}</h3>{shown(found, name)}</div>'
        for name, found in findings.items()
        if found not in ({}, [], None)
    ]
    return f"<section><h2>Found</h2>{''.join(cards)}</section>" if cards else ""


def shown(value: Any, title: str, level: int = 0) -> str:
    """A finding as HTML: strata, intervals and counts are drawn; all else is a table or a sentence."""
    if isinstance(value, Mapping):
        return _mapping(value, title, level)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(value, title, level)
    return f"<p>{escape(_text(value))}</p>"


def _mapping(value: Mapping[str, Any], title: str, level: int) -> str:
    if not value:
        return '<p class="soft">nothing</p>'
    if all(_is_stratum(item) for item in value.values()):
        return quotas(value, title)
    if all(_is_interval(item) for item in value.values()):
        return intervals({name: _interval(item) for name, item in value.items()}, title) + _table(value)
    if (inner := _measured(value)) is not None:
        measured = {name: _interval({**item[inner], "alarm": item.get("alarm")}) for name, item in value.items()}
        return f"<h4>{escape(_spoken(inner))}</h4>{intervals(measured, title)}{_table(value)}"
    if len(value) > 1 and all(_is_count(item) for item in value.values()):
        return bars(value, title)
    if all(isinstance(item, Mapping) and _is_flat(item) for item in value.values()):
        return _table(value)
    return _parts(value, level)


def _parts(value: Mapping[str, Any], level: int) -> str:
    """Plain figures as one table, everything else under a heading of its own."""
    plain = {name: item for name, item in value.items() if not isinstance(item, Mapping | list | tuple)}
    rows = "".join(f"<tr><td>{escape(_spoken(name))}</td>{_cell(item)}</tr>" for name, item in plain.items())
    text = f'<div class="scroll"><table>{rows}</table></div>' if rows else ""
    for name, item in value.items():
        if name not in plain:
            inner = shown(item, name, level + 1) if level < _DEEPEST else f"<p>{escape(str(item)[:2000])}</p>"
            text += f"<h4>{escape(_spoken(name))}</h4>{inner}"
    return text


def _listed(value: Sequence[Any], title: str, level: int) -> str:
    if value and all(isinstance(item, Mapping) for item in value):
        return _table({str(i): item for i, item in enumerate(value, start=1)}, numbered=True)
    items = "".join(f"<li>{escape(_text(item))}</li>" for item in value[:_MOST])
    more = f'<p class="soft">and {len(value) - _MOST:,} more</p>' if len(value) > _MOST else ""
    return f"<ul>{items}</ul>{more}" if items else '<p class="soft">nothing</p>'


def _table(rows: Mapping[str, Mapping[str, Any]], numbered: bool = False) -> str:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    numeric = {column for column in columns if all(_is_number(row.get(column, 0)) for row in rows.values())}
    head = "".join(
        f"<th{' class=number' if column in numeric else ''}>{escape(_spoken(str(column)))}</th>" for column in columns
    )
    lines = [
        f"<tr>{'' if numbered else f'<td>{escape(str(name))}</td>'}"
        + "".join(_cell(row.get(column)) for column in columns)
        + "</tr>"
        for name, row in list(rows.items())[:_MOST]
    ]
    more = f'<p class="soft">and {len(rows) - _MOST:,} more</p>' if len(rows) > _MOST else ""
    head = head if numbered else f"<th></th>{head}"
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>{more}'


def _cell(value: Any) -> str:
    return f"<td{' class=number' if _is_number(value) else ''}>{escape(_text(value))}</td>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_flat(row: Mapping[str, Any]) -> bool:
    return not any(isinstance(item, Mapping) and item for item in row.values())


def _is_stratum(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_number(value.get(name)) for name in ("wanted", "taken"))


def _is_interval(value: Any) -> bool:
    return isinstance(value, Mapping) and _ends(value) is not None and _point(value) is not None


def _measured(rows: Mapping[str, Any]) -> str | None:
    """The field that holds an interval in every row: what the rows are compared by."""
    first = next(iter(rows.values()))
    names = list(first) if isinstance(first, Mapping) else []
    return next(
        (n for n in names if all(isinstance(r, Mapping) and _is_interval(r.get(n)) for r in rows.values())), None
    )


def _ends(row: Mapping[str, Any]) -> tuple[float, float] | None:
    for low, high in _ENDS:
        if _is_number(row.get(low)) and _is_number(row.get(high)):
            return float(row[low]), float(row[high])
    return None


def _point(row: Mapping[str, Any]) -> float | None:
    """The measured value: the one that is named so, or the first number within its interval."""
    ends = _ends(row)
    names = [name for pair in _ENDS for name in pair]
    values = [row.get(name) for name in ("value", "auc", "accuracy", "mean", "estimate")]
    values += [item for name, item in row.items() if name not in names]
    found = (float(item) for item in values if _is_number(item) and ends is not None)  # type: ignore[arg-type]
    return next((item for item in found if ends is not None and ends[0] <= item <= ends[1]), None)


def _interval(row: Mapping[str, Any]) -> Interval:
    ends, point = _ends(row), _point(row)
    assert ends is not None
    assert point is not None
    return Interval(point, *ends, alarm=bool(row.get("alarm")))
