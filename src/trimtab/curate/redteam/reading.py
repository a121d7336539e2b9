"""Red-team files into attacks: any published format, each row with its file and line, nothing left out in silence."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from trimtab.curate.config import OnError
from trimtab.curate.place import Drop
from trimtab.curate.reading import Raw, find_files, read_raw
from trimtab.curate.redteam.attack import Attack
from trimtab.curate.redteam.formats import named, told
from trimtab.records import UserError

_YAML = frozenset({".yaml", ".yml", ".prompt"})
_LISTS = ("seeds", "prompts", "tests", "jailbreaks")
"""Where a document keeps its rows: PyRIT (two spellings), promptfoo, JailbreakBench."""
_INHERITED = ("harm_categories", "dataset_name", "name", "data_type")


@dataclass(frozen=True, slots=True)
class RedTeamImport:
    """``understood``: file -> format; ``unmapped``: the source's category names without a code, with their counts."""

    attacks: tuple[Attack, ...]
    drops: tuple[Drop, ...]
    understood: Mapping[str, str]

    @property
    def unmapped(self) -> Mapping[str, int]:
        names = Counter(name for attack in self.attacks for name in attack.origin.get("unmapped", ()))
        return dict(names.most_common())


def read_attacks(
    pattern: str,
    root: Path,
    *,
    format: str | None = None,
    on_error: OnError = "refuse",
    origin: Mapping[str, Any] | None = None,
    benign: bool = False,
) -> RedTeamImport:
    """The attacks of a file or glob. ``origin`` (set, licence, revision) is added to each row's.

    ``benign``: everything in it is a contrast that must be answered; a file with the word in its name says so itself
    (JailbreakBench's two tables have the same columns).
    Raises UserError with file, line and field; under ``on_error: skip`` a malformed row becomes a Drop instead.
    """
    attacks, drops, understood = dict[str, Attack](), list[Drop](), dict[str, str]()
    for path in find_files(pattern, root):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        harmless = benign or "benign" in path.stem.lower()
        for raw in _raws(path, name):
            try:
                form, found = _parsed(raw, format)
            except UserError as error:
                if on_error == "refuse":
                    raise error.at(file=raw.file, line=raw.line) from error
                detail = f"{error.field}: {error.message}" if error.field else error.message
                drops.append(Drop("malformed", detail, name, raw.file, raw.line))
                continue
            understood.setdefault(name, f"{form}, all of it benign" if harmless else form)
            if isinstance(found, str):
                drops.append(Drop("no attack", found, name, raw.file, raw.line))
                continue
            found = _contrast(found) if harmless else found
            first = attacks.setdefault(found.id, _placed(found, raw, origin or {}))
            if first.origin["file"] != raw.file or first.origin["line"] != raw.line:
                place = f"{first.origin['file']}:{first.origin['line']}"
                drops.append(Drop("duplicate", f"the same text as {place}", name, raw.file, raw.line))
    return RedTeamImport(tuple(attacks.values()), tuple(drops), understood)


def _parsed(raw: Raw, format: str | None) -> tuple[str, Attack | str]:
    if raw.error is not None:
        raise raw.error
    value = {"text": raw.value} if isinstance(raw.value, str) else raw.value
    form = named(format) if format else told(value)
    if not form.recognise(value):
        raise UserError(f"not a row of {form.name}", expected=form.sentence)
    return form.name, form.parse(value)


def _contrast(attack: Attack) -> Attack:
    origin = {**attack.origin, "unmapped": []}
    return replace(attack, style="benign", expected="comply", categories=(), bad="", origin=origin)


def _placed(attack: Attack, raw: Raw, origin: Mapping[str, Any]) -> Attack:
    upstream = {} if not isinstance(raw.value, Mapping) else raw.value
    id = next((str(upstream[key]) for key in ("_id", "id", "BehaviorID", "Index", "index") if key in upstream), "")
    about = {**attack.origin, **origin, "file": raw.file, "line": raw.line}
    return replace(attack, origin=about | ({"id": id} if id else {}))


def _raws(path: Path, name: str) -> Iterator[Raw]:
    if path.suffix.lower() in _YAML:
        return _unfolded(_yaml_rows(path, name), name)
    if path.suffix.lower() == ".json":
        return _unfolded(_json_rows(path, name), name)
    return read_raw(path, name)


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8", file=name, fix="Save the file as UTF-8") from error


def _json_rows(path: Path, name: str) -> tuple[Any, list[int]]:
    try:
        return json.loads(_text(path, name)), []
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(f"not JSON ({error})", file=name, line=line, expected="one document") from error


def _yaml_rows(path: Path, name: str) -> tuple[Any, list[int]]:
    """The document and the lines on which the items of its list of rows begin."""
    text = _text(path, name)
    try:
        node, value = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise UserError(f"not YAML ({getattr(error, 'problem', error)})", file=name, line=line) from error
    held = node
    if isinstance(node, yaml.MappingNode):
        held = next((child for key, child in node.value if key.value in _LISTS), None)
    items = held.value if isinstance(held, yaml.SequenceNode) else ()
    return value, [item.start_mark.line + 1 for item in items]


def _unfolded(document: tuple[Any, list[int]], name: str) -> Iterator[Raw]:
    """The rows in a document: a list, a list under a known key, categories with lists of texts (BIPIA), or one row."""
    value, lines = document
    rows: list[Any]
    if isinstance(value, Mapping) and (key := next((key for key in _LISTS if key in value), None)):
        if not isinstance(value[key], list):
            raise UserError("must be a list of rows", file=name, field=key)
        shared = {name: value[name] for name in _INHERITED if name in value}
        shared |= _artifact(value.get("parameters"))
        rows = [_with_shared(row, shared, key) for row in value[key]]
    elif isinstance(value, Mapping) and value and all(isinstance(texts, list) for texts in value.values()):
        rows = [{"category": category, "text": text} for category, texts in value.items() for text in texts]
    else:
        rows = value if isinstance(value, list) else [value]
    for number, row in enumerate(rows, start=1):
        yield Raw(name, lines[number - 1] if len(lines) == len(rows) else number, row)


def _artifact(parameters: Any) -> dict[str, Any]:
    return {"method": parameters["method"]} if isinstance(parameters, Mapping) and "method" in parameters else {}


def _with_shared(row: Any, shared: Mapping[str, Any], key: str) -> Any:
    if not isinstance(row, Mapping):
        return {**shared, "value": row} if key in ("seeds", "prompts") else row
    return row if key == "tests" else {**shared, **row}
