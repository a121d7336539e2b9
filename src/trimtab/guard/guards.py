"""The policy's rules at work: before generation, at commit points, on the answer; closed where one fails."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from trimtab.guard.citations import citations_guard
from trimtab.guard.commit import Commit, T, commit_guard, shut
from trimtab.guard.decline import Asked, decline_guards, defer_guards
from trimtab.guard.exchange import AfterGuard, BeforeGuard, Exchange, Inspection, Judgement
from trimtab.guard.pii import pii_guard
from trimtab.guard.policy import Policy, Rule
from trimtab.records import Message, UserError, Verdict, digest
from trimtab.text import normalise

_VERSION = 1
"""Part of the digest: raise it when the same policy would be enforced differently."""
_KINDS = ("pii", "citations", "decline", "defer", "commit")
UNJUDGED = "I cannot answer this here. A person will have to look at it."
"""Said when a guard fails: what nobody could judge does not leave."""


@dataclass(frozen=True)
class _Enforced:
    before: tuple[BeforeGuard, ...] = ()
    after: tuple[AfterGuard, ...] = ()
    commit: tuple[Commit, ...] = ()


class PolicyGuards:
    """What the plan consults (``tools.Guards``). Raises UserError where a rule cannot be enforced as it is written."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        exempt = frozenset(normalise(str(rule.enforce["text"])) for rule in policy.rules if "text" in rule.enforce)
        enforced = [self._enforced(rule, exempt) for rule in policy.rules if rule.enforce]
        self._before = [guard for each in enforced for guard in each.before]
        last = [guard for each in enforced for guard in each.after]
        self._after = sorted(last, key=lambda guard: _is_pii(guard))  # after the texts of other rules
        self._commit = _one_a_tool([guard for each in enforced for guard in each.commit], policy)

    @property
    def digest(self) -> str:
        """Of what is enforced, and how."""
        return digest({"version": _VERSION, "policy": self.policy.digest})

    @property
    def buffers(self) -> bool:
        """Whether some rule judges the finished answer, so that no text may leave before."""
        return bool(self._after)

    def check_tools(self, names: Collection[str]) -> None:
        """Raises UserError where a commit rule speaks of a tool that is not there: it would guard nothing."""
        for guard in self._commit.values():
            for field, name in (("tool", guard.tool), ("evidence", guard.evidence)):
                if name not in names:
                    line = self.policy.rule(guard.rule).line
                    known = ", ".join(sorted(names)) or "none"
                    raise UserError(f"no tool {name!r}", file=self.policy.file, line=line, field=field, expected=known)

    def before(self, messages: tuple[Message, ...]) -> Inspection:
        """Masks first (policy order), then refusals, on what the user really wrote; a guard that fails refuses."""
        shown, verdicts = messages, tuple[Verdict, ...]()
        for guard in self._before:
            try:
                said = guard.before(messages if isinstance(guard, Asked) else shown)
            except Exception as error:  # the named boundary: fail closed
                return Inspection(shown, (*verdicts, _failed(guard.rule, error)), UNJUDGED)
            if said is None:
                continue
            verdicts += said.verdicts
            if said.refusal is not None:
                return Inspection(shown, verdicts, said.refusal)
            shown = said.messages
        return Inspection(shown, verdicts)

    def wrap(self, tool: T) -> T:
        """The tool behind its commit rule; an irreversible tool without one stays shut."""
        if tool.name in self._commit:
            return self._commit[tool.name].wrap(tool)
        return shut(tool) if tool.irreversible else tool

    def after(self, messages: tuple[Message, ...], turns: tuple[Message, ...], answer: str) -> Judgement:
        """The answer that may leave; a guard that fails lets nothing out."""
        exchange, verdicts = Exchange(messages, turns, answer), tuple[Verdict, ...]()
        for guard in self._after:
            try:
                change = guard.after(exchange)
            except Exception as error:  # the named boundary: fail closed
                return Judgement(UNJUDGED, (*verdicts, _failed(guard.rule, error)))
            if change is None:
                continue
            verdicts += (Verdict(_name(guard), change.ruling, guard.rule, change.reason),)
            exchange = exchange.with_answer(change.answer)
            if change.whole:
                break
        return Judgement(exchange.answer, verdicts)

    def _enforced(self, rule: Rule, exempt: frozenset[str]) -> _Enforced:
        try:
            return _build(rule, exempt)
        except UserError as error:
            raise error.at(file=self.policy.file) from error


def _build(rule: Rule, exempt: frozenset[str]) -> _Enforced:
    match rule.enforce["guard"]:
        case "pii":
            guard = pii_guard(rule)
            return _Enforced(before=(guard,) if guard.input else (), after=(guard,) if guard.kinds else ())
        case "citations":
            return _Enforced(after=(citations_guard(rule, exempt),))
        case "decline":
            return _sorted(decline_guards(rule))
        case "defer":
            return _sorted(defer_guards(rule, exempt))
        case "commit":
            return _Enforced(commit=(commit_guard(rule),))
        case other:
            raise UserError(f"unknown guard {other!r}", line=rule.line, field="guard", expected=" | ".join(_KINDS))


def _sorted(guards: Sequence[Asked | AfterGuard]) -> _Enforced:
    asked = tuple(guard for guard in guards if isinstance(guard, Asked))
    return _Enforced(before=asked, after=tuple(guard for guard in guards if not isinstance(guard, Asked)))


def _one_a_tool(guards: Sequence[Commit], policy: Policy) -> dict[str, Commit]:
    by_tool: dict[str, Commit] = {}
    for guard in guards:
        if guard.tool in by_tool:
            line = policy.rule(guard.rule).line
            raise UserError(f"a second commit rule for {guard.tool!r}", file=policy.file, line=line, field="tool")
        by_tool[guard.tool] = guard
    return by_tool


def _is_pii(guard: AfterGuard) -> bool:
    return _name(guard) == "pii"


def _name(guard: AfterGuard) -> str:
    return str(getattr(guard, "guard", type(guard).__name__.lower()))


def _failed(rule: str, error: Exception) -> Verdict:
    return Verdict("guards", "block", rule, f"could not judge ({type(error).__name__})")
