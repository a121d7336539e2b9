"""The way back: placeholders of a row replaced by what the vault says stood there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.curate.privacy.hide import PLACEHOLDER
from trimtab.curate.privacy.leaves import leaves, rebuilt


def restore(value: Any, mapping: Mapping[str, Sequence[Any]]) -> Any:
    """JSON with each placeholder in ``mapping`` turned back, occurrence after occurrence.

    The exact inverse of ``hide`` on what it gave. Where the row was changed since, so that a placeholder stands there
    another number of times, each occurrence becomes its first writing.
    """
    if not mapping:
        return value
    row = list(leaves(value))
    counts = Counter(name for leaf in row for name in _names(leaf.text, mapping))
    writings = {
        name: iter(originals) if counts[name] == len(originals) else iter([originals[0]] * counts[name])
        for name, originals in mapping.items()
    }

    def turned(text: str) -> Any:
        names = _names(text, mapping)
        originals = [next(writings[name]) for name in names]
        if len(names) == 1 and names[0] == text:
            return originals[0]
        rest = iter(originals)
        return PLACEHOLDER.sub(lambda match: str(next(rest)) if match.group() in mapping else match.group(), text)

    return rebuilt(value, [turned(leaf.text) if isinstance(leaf.value, str) else leaf.value for leaf in row])


def _names(text: str, mapping: Mapping[str, Sequence[Any]]) -> list[str]:
    return [match.group() for match in PLACEHOLDER.finditer(text) if match.group() in mapping]
