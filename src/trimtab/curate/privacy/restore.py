"""The way back: placeholders of a row replaced by what the vault says stood there."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.curate.privacy.leaves import leaves, rebuilt


def restore(value: Any, mapping: Mapping[str, Sequence[Any]]) -> Any:
    """JSON with each placeholder in ``mapping`` turned back, occurrence after occurrence.

    The exact inverse of ``hide`` on what it gave. Where the row was changed since, so that a placeholder stands there
    another number of times, each occurrence becomes its first writing.
    """
    if not mapping:
        return value
    known = re.compile("|".join(map(re.escape, mapping)))
    row = list(leaves(value))
    counts = Counter(name for leaf in row for name in known.findall(leaf.text))
    writings = {
        name: iter(originals) if counts[name] == len(originals) else iter([originals[0]] * counts[name])
        for name, originals in mapping.items()
    }

    def turned(text: str) -> Any:
        names = known.findall(text)
        originals = [next(writings[name]) for name in names]
        if len(names) == 1 and names[0] == text:
            return originals[0]
        rest = iter(originals)
        return known.sub(lambda match: str(next(rest)), text)

    return rebuilt(value, [turned(leaf.text) if isinstance(leaf.value, str) else leaf.value for leaf in row])
