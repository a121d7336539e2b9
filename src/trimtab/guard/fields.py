"""A rule's yaml block, read field by field: what is missing, wrong or unknown is said with its line."""

import re
from collections.abc import Sequence

from trimtab.guard.policy import Rule
from trimtab.records import UserError
from trimtab.text import normalise

_MISSING = object()


class Fields:
    """Reads ``rule.enforce``; ``done`` refuses what nobody asked for (a typo would be a rule that nobody keeps)."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._seen = {"guard"}

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name)
        if value is _MISSING and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "a text")
        return value.strip()

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise self.wrong(name, " | ".join(choice for choice in choices if choice))
        return value

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        value = self._get(name)
        if value is _MISSING and default is not None:
            return tuple(default)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(name, "a list of texts")
        return tuple(value)

    def patterns(self, name: str = "patterns") -> tuple[re.Pattern[str], ...]:
        """Regular expressions, blind to case; none where the field is absent."""
        try:
            return tuple(re.compile(pattern, re.IGNORECASE) for pattern in self.texts(name, ()))
        except re.error as error:
            raise self.wrong(name, f"regular expressions ({error})") from error

    def done(self) -> None:
        for name in self.rule.enforce:
            if name not in self._seen:
                raise self.wrong(name, f"one of {', '.join(sorted(self._seen))}", "unknown field")

    def wrong(self, name: str, expected: str, what: str = "missing or wrong") -> UserError:
        return UserError(f"rule {self.rule.id}: {what}", line=self.rule.line, field=name, expected=expected)

    def _get(self, name: str) -> object:
        self._seen.add(name)
        return self.rule.enforce.get(name, _MISSING)


def matches(patterns: Sequence[re.Pattern[str]], text: str) -> str | None:
    """The first pattern found in the text or in its normal form (case, width, marks and punctuation folded)."""
    folded = normalise(text)
    for pattern in patterns:
        if pattern.search(text) or pattern.search(folded):
            return pattern.pattern
    return None
