"""What a completion's text must be: an answer of a form, calls of tools, or either of the two."""

from dataclasses import dataclass
from typing import Literal

from trimtab.records import UserError

FormKind = Literal["json_schema", "regex", "lark", "citations"]
Constrains = Literal["json_schema", "regex", "lark", "citations", "calls"]


@dataclass(frozen=True, slots=True)
class Form:
    """The text of a whole answer: JSON of a schema (``text``: the schema as JSON), a regex, a Lark grammar, or
    sentences that cite (``citing.citation_form``)."""

    kind: FormKind
    text: str


@dataclass(frozen=True, slots=True)
class CallForm:
    """One tool's call as the model writes it: ``begin``, then JSON of ``schema`` (as JSON text), then ``end``."""

    begin: str
    schema: str
    end: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """An answer in the form ``answer``, or one of ``calls`` (``many``: or several, a line each).

    Raises UserError where it would allow nothing.
    """

    answer: Form | None = None
    calls: tuple[CallForm, ...] = ()
    many: bool = False

    def __post_init__(self) -> None:
        if self.answer is None and not self.calls:
            raise UserError("the constraint allows nothing", expected="a form of answer, or calls")

    @property
    def needs(self) -> frozenset[Constrains]:
        """What an engine must be able to constrain for it."""
        answer: set[Constrains] = set() if self.answer is None else {self.answer.kind}
        return frozenset(answer | ({"calls"} if self.calls else set()))
