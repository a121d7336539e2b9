"""The commit point: an irreversible call needs evidence, fresh facts, and a key under which it runs once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, TypeVar, cast

from trimtab.guard.exchange import parsed
from trimtab.guard.fields import Fields
from trimtab.guard.policy import Rule
from trimtab.records import Message, Verdict, digest


class Context(Protocol):
    """What a tool is told (``tools.ToolContext`` is one)."""

    @property
    def messages(self) -> tuple[Message, ...]: ...
    @property
    def user(self) -> str: ...
    @property
    def idempotency(self) -> str: ...
    @property
    def report(self) -> Callable[[Verdict], None]: ...
    @property
    def consult(self) -> Callable[[str, Mapping[str, Any]], str]: ...


class Guarded(Protocol):
    """A tool as far as a guard knows it (``tools.Tool`` is one)."""

    @property
    def name(self) -> str: ...
    @property
    def irreversible(self) -> bool: ...
    @property
    def run(self) -> Callable[[Mapping[str, Any], Any], str]: ...


T = TypeVar("T", bound=Guarded)


@dataclass(frozen=True)
class Commit:
    """One rule over one tool. Empty fields are not checked; ``evidence`` and ``id_field`` always are."""

    rule: str
    tool: str
    evidence: str
    id_field: str
    amount_field: str
    max_amount_field: str
    status_field: str
    allowed: tuple[str, ...]

    def wrap(self, tool: T) -> T:
        """The tool behind this rule."""
        inner = tool.run

        def run(arguments: Mapping[str, Any], context: Context) -> str:
            objection = self._objection(arguments, context)
            if objection is not None:
                context.report(Verdict("commit", "block", self.rule, objection))
                return refusal(f"rule {self.rule}: {objection}")
            subject = arguments[self.id_field]
            context.report(Verdict("commit", "allow", self.rule, f"{self.evidence} supports {subject}"))
            return inner(arguments, replace(cast(Any, context), idempotency=self._key(arguments, context)))

        return _with_run(tool, run)

    def _objection(self, arguments: Mapping[str, Any], context: Context) -> str | None:
        """Why not, or None. The conversation must hold the evidence; the facts are read afresh, for what stands in a
        conversation may be old, or written by whoever sent it."""
        subject = arguments.get(self.id_field)
        if not isinstance(subject, str) or not subject:
            return f"{self.id_field} is missing"
        if not any(self._shows(message, subject) for message in context.messages):
            return f"call {self.evidence} for {subject} first"
        row = parsed(context.consult(self.evidence, {self.id_field: subject}))
        if not isinstance(row, Mapping) or "error" in row or row.get(self.id_field) != subject:
            return f"{self.evidence} does not confirm {subject}"
        return self._wrong_status(row) or self._wrong_amount(row, arguments)

    def _shows(self, message: Message, subject: str) -> bool:
        row = parsed(message.content) if message.role == "tool" and message.name == self.evidence else None
        return isinstance(row, Mapping) and "error" not in row and row.get(self.id_field) == subject

    def _wrong_status(self, row: Mapping[str, Any]) -> str | None:
        if not self.status_field or row.get(self.status_field) in self.allowed:
            return None
        return f"{self.status_field} is {row.get(self.status_field)!r}; it must be {' or '.join(self.allowed)}"

    def _wrong_amount(self, row: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
        if not self.max_amount_field:
            return None
        amount, most = _number(arguments.get(self.amount_field)), _number(row.get(self.max_amount_field))
        if amount is None or most is None or amount <= 0:
            return f"{self.amount_field} must be a positive number"
        return None if amount <= most else f"{self.amount_field} is above {self.max_amount_field} ({most})"

    def _key(self, arguments: Mapping[str, Any], context: Context) -> str:
        """The same call by the same user is one effect; a caller's own key sets two requests apart."""
        amount = _number(arguments.get(self.amount_field))
        plain = None if amount is None else str(amount.normalize())
        return digest([self.tool, context.user, arguments[self.id_field], plain, context.idempotency])


def commit_guard(rule: Rule) -> Commit:
    """``guard: commit`` with ``tool``, ``evidence``, ``max_amount_field``, ``status_field`` and ``refundable``.

    Also ``id_field`` and ``amount_field``: the tool's arguments, ``order_id`` and ``amount`` where absent.
    """
    fields = Fields(rule)
    status = fields.text("status_field", "")
    allowed = fields.texts("refundable", None if status else ())
    guard = Commit(
        rule.id,
        fields.text("tool"),
        fields.text("evidence"),
        fields.text("id_field", "order_id"),
        fields.text("amount_field", "amount"),
        fields.text("max_amount_field", ""),
        status,
        allowed,
    )
    fields.done()
    if allowed and not status:
        raise fields.wrong("status_field", "the field that `refundable` speaks of")
    return guard


def shut(tool: T) -> T:
    """An irreversible tool that no rule speaks of: nothing it could be held against, so it does not run."""

    def run(arguments: Mapping[str, Any], context: Context) -> str:
        reason = f"no rule of the policy guards {tool.name}"
        context.report(Verdict("commit", "block", "", reason))
        return refusal(reason)

    return _with_run(tool, run)


def refusal(reason: str) -> str:
    """The error result that the model sees."""
    return json.dumps({"error": {"code": "not_permitted", "message": reason}}, ensure_ascii=False)


def _with_run(tool: T, run: Callable[[Mapping[str, Any], Any], str]) -> T:
    return cast(T, replace(cast(Any, tool), run=run))


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
