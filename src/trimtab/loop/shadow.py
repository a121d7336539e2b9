"""What a shadow's copies say, as plain numbers: did the candidate do what stable did with the same request?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trimtab.records import Action, Trace
from trimtab.store import Store

_KIND = _ID = "shadow"
_NEWEST = 1000
"""Copies that are compared: the newest, so that a status stays quick."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of one release's copies (the newest thousand), the compared ones with stable's answer to the original.

    By the redacted texts: what was masked in both counts as equal. ``fates``: what became of all copies since the
    gateway started.
    """

    share: float
    copies: int = 0
    failed: int = 0
    compared: int = 0
    same_tools: int = 0
    """The same tools called, in the same order."""
    same_calls: int = 0
    """… with the same arguments."""
    same_action: int = 0
    """Both answered, called, clarified, deferred or declined."""
    same_answer: int = 0
    fates: Mapping[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def tell(store: Store, fates: Mapping[Any, int]) -> None:
    """Keep the gateway's counts where a status finds them."""
    if fates and store.get(_KIND, _ID) != dict(fates):
        store.put(_KIND, _ID, dict(fates))


def agreement(store: Store, release: str, share: float) -> Agreement | None:
    """How far a release's copies agree with the answers that they are copies of; None where there was no shadow."""
    copies = store.traces.query(release=release, arm="shadow", limit=_NEWEST)
    if not copies and not share:
        return None
    pairs = [(copy, original) for copy in copies if (original := store.traces.get(copy.shadow_of)) is not None]
    return compared(copies, pairs, share, store.get(_KIND, _ID))


def compared(
    copies: Sequence[Trace], pairs: Sequence[tuple[Trace, Trace]], share: float, fates: Mapping[str, int] | None
) -> Agreement:
    """The counts. ``pairs``: each copy with its original; those where one of them failed are not compared."""
    whole = [(copy, original) for copy, original in pairs if not copy.error and not original.error]
    return Agreement(
        share=share,
        copies=len(copies),
        failed=sum(bool(copy.error) for copy in copies),
        compared=len(whole),
        same_tools=sum(_tools(copy) == _tools(original) for copy, original in whole),
        same_calls=sum(_calls(copy) == _calls(original) for copy, original in whole),
        same_action=sum(_action(copy) == _action(original) for copy, original in whole),
        same_answer=sum(_answer(copy) == _answer(original) for copy, original in whole),
        fates=fates,
    )


def _calls(trace: Trace) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, dict(call.arguments)) for turn in trace.turns for call in turn.tool_calls]


def _tools(trace: Trace) -> list[str]:
    return [name for name, _ in _calls(trace)]


def _answer(trace: Trace) -> str:
    return trace.turns[-1].content if trace.turns else ""


def _action(trace: Trace) -> Action | None:
    """What the user got: calls to run, a refusal, or what the text does."""
    from trimtab.evaluate import classify

    if trace.finish == "client_tools":
        return "call_tool"
    return "decline" if trace.finish == "blocked" else classify(_answer(trace))
