"""What the checks say of one row: repairs by kind, flags for its labels, and the one reason why it must go."""

from collections.abc import Iterator
from typing import Any

FLAGS = frozenset(
    (
        *("boilerplate", "truncated", "role_markers", "late_system_turn", "loose_quotes", "unsupported_citations"),
        *("unknown_tool", "invalid_arguments", "broken_schema", "placeholder_text", "replacement_characters"),
        *("mean_word_length", "words_without_letters", "symbols_per_word", "ellipsis_lines", "no_stop_words"),
        *("repeated_lines", *(f"top_{n}gram" for n in (2, 3, 4)), *(f"duplicate_{n}gram" for n in range(5, 11))),
    )
)
"""Every name that labels.quality may hold."""


class Notes:
    """Filled by every check in turn. ``where`` is the field a check speaks of (``messages[2]``)."""

    __slots__ = ("_repairs", "flags", "refused", "unchecked")

    def __init__(self) -> None:
        self._repairs: dict[str, list[str]] = {}
        self.flags: dict[str, Any] = {}
        self.refused: tuple[str, str] | None = None
        self.unchecked = 0
        """Calls whose tool nobody described."""

    def repair(self, kind: str, detail: str) -> None:
        self._repairs.setdefault(kind, []).append(detail)

    def flag(self, name: str, value: Any) -> None:
        assert name in FLAGS, name
        self.flags[name] = value

    def refuse(self, reason: str, detail: str) -> None:
        """The row goes no further; the first reason stands."""
        self.refused = self.refused or (reason, detail)

    def repairs(self) -> Iterator[tuple[str, str]]:
        """Kind and detail, one a kind, in the order in which they were made."""
        for kind, details in self._repairs.items():
            yield kind, "; ".join(details)

    def flagged(self) -> "Notes":
        """The flags alone, for the checks that come later."""
        later = Notes()
        later.flags = self.flags
        return later
