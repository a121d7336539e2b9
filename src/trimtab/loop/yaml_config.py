"""``trimtab.yaml`` into the config tree, each mistake with its file, line and field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from trimtab.loop.config import FORMAT, Config
from trimtab.records import UserError

Path_ = tuple[str | int, ...]
Tree = TypeVar("Tree", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Setting:
    """One resolved value and where it came from: ``default``, ``trimtab.yaml:12`` or ``--set``."""

    name: str
    value: Any
    origin: str


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """The validated tree. ``overrides`` are ``a.b=value`` (value is YAML). Raises UserError."""
    return _validate(path, *_merged(path, overrides))


def resolved(path: Path, overrides: Sequence[str] = ()) -> list[Setting]:
    """Every leaf of the tree with its origin, in the tree's order."""
    values, lines = _merged(path, overrides)
    config = _validate(path, values, lines)
    return [Setting(_dotted(where), value, _origin(where, lines)) for where, value in _leaves(config, ())]


def load_section(
    kind: type[Tree], base: Mapping[str, Any], path: Path | None = None, overrides: Sequence[str] = ()
) -> Tree:
    """One section apart: ``base``, over it the file's settings, over them ``field=value``. Raises UserError."""
    if path is not None and not path.is_file():
        raise UserError("no such file", file=path, expected="a YAML file of settings")
    values, lines = ({}, {}) if path is None else _read(path)
    values = {**base, **values}
    for override in overrides:
        _override(values, lines, override)
    return _validated(kind, path, values, lines)


def _merged(path: Path, overrides: Sequence[str]) -> tuple[dict[str, Any], dict[Path_, str]]:
    if not path.is_file():
        raise UserError("no workspace here", file=path, fix="Run `trimtab init`, or change into a workspace")
    values, lines = _read(path)
    for override in overrides:
        _override(values, lines, override)
    return values, lines


def _read(path: Path) -> tuple[dict[str, Any], dict[Path_, str]]:
    """A YAML file's settings, and for each the place that gives it."""
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
        values = yaml.safe_load(path.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(
            f"not YAML ({getattr(error, 'problem', error)})", file=path, line=None if mark is None else mark.line + 1
        ) from error
    if not isinstance(values, dict):
        raise UserError("must be a mapping of settings", file=path, line=1)
    return values, {where: f"{path.name}:{line}" for where, line in _lines(node, ())}


def _override(values: dict[str, Any], lines: dict[Path_, str], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise UserError(f"--set {override!r} has no value", expected="--set section.field=value")
    where = tuple(name.split("."))
    target = values
    for part in where[:-1]:
        if target.get(part) is None:  # an optional section that is off
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            raise UserError(f"--set {override!r}: {part!r} holds no fields")
    target[where[-1]] = yaml.safe_load(text)
    lines[where] = "--set"


def _validate(path: Path, values: dict[str, Any], lines: Mapping[Path_, str]) -> Config:
    newest = values.get("format", FORMAT)
    if isinstance(newest, int) and newest > FORMAT:
        raise UserError(
            f"this workspace has format {newest}, newer than this version's {FORMAT}",
            file=path,
            field="format",
            fix="Upgrade trimtab",
        )
    return _validated(Config, path, values, lines)


def _validated(kind: type[Tree], path: Path | None, values: dict[str, Any], lines: Mapping[Path_, str]) -> Tree:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = tuple(first["loc"])
        origin = _origin(where, lines)
        line = int(origin.rpartition(":")[2]) if ":" in origin else None
        raise UserError(first["msg"].lower(), file=path, line=line, field=_dotted(where)) from error


def _lines(node: yaml.Node | None, where: Path_) -> Iterator[tuple[Path_, int]]:
    if node is None:
        return
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*where, key.value), key.start_mark.line + 1
            for inner, line in _lines(value, (*where, key.value)):
                if inner != (*where, key.value):
                    yield inner, line
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*where, number))


def _origin(where: Path_, lines: Mapping[Path_, str]) -> str:
    for end in range(len(where), 0, -1):
        if where[:end] in lines:
            return lines[where[:end]]
    return "default"


def _leaves(value: Any, where: Path_) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*where, name))
    elif isinstance(value, tuple | list) and value and isinstance(value[0], BaseModel):
        for number, item in enumerate(value):
            yield from _leaves(item, (*where, number))
    else:
        yield where, value


def _dotted(where: Path_) -> str:
    return ".".join(str(part) for part in where)
