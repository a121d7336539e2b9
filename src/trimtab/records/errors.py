"""A mistake that a person can mend, said in one message."""

from pathlib import Path


class Stopped(Exception):
    """A check said no: what was under way ends here, and the CLI exits 1."""


class UserError(Exception):
    """What was given (file, line, field), what was expected and what to do next.

    The CLI prints it without a traceback and exits 2; the gateway turns it into the right 4xx.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        self.field = field
        self.expected = expected
        self.fix = fix
        super().__init__(str(self))

    def at(self, *, file: str | Path | None = None, line: int | None = None) -> "UserError":
        """The same mistake, with the place filled in where it was not known."""
        return UserError(
            self.message,
            file=self.file or file,
            line=self.line if self.line is not None else line,
            field=self.field,
            expected=self.expected,
            fix=self.fix,
        )

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        where = ", ".join(part for part in (place, self.field and f"field {self.field!r}") if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.expected:
            text += f"; expected {self.expected}"
        if self.fix:
            text += f". {self.fix}"
        return text
