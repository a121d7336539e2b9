"""The leaves of a JSON value in reading order: every text, every key, every number; and the value with new ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = Sequence[str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """``name`` is the nearest key above; ``path`` leads to the object or list that holds the leaf."""

    value: Any
    text: str
    name: str
    path: tuple[Any, ...]
    is_key: bool = False

    @property
    def top(self) -> Any:
        """The outermost key that the leaf stands under; nothing for an outermost key itself."""
        return self.path[0] if self.path else self.name


def leaves(value: Any, name: str = "", path: tuple[Any, ...] = ()) -> Iterator[Leaf]:
    """Texts, keys and numbers (not booleans) in the order in which ``rebuilt`` takes their successors."""
    if isinstance(value, str):
        yield Leaf(value, value, name, path)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield Leaf(key, str(key), "", path, is_key=True)
            yield from leaves(inner, str(key), (*path, key))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from leaves(inner, name, (*path, i))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Leaf(value, json.dumps(value), name, path)


def rebuilt(value: Any, successors: Sequence[Any]) -> Any:
    """``value`` with each leaf replaced by its successor."""
    return _rebuilt(value, iter(successors))


def _rebuilt(value: Any, successors: Iterator[Any]) -> Any:
    if isinstance(value, Mapping):
        return {next(successors): _rebuilt(inner, successors) for inner in value.values()}
    if isinstance(value, list | tuple):
        return [_rebuilt(inner, successors) for inner in value]
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return next(successors)
    return value
