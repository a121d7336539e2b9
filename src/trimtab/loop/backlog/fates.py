"""The books: each event is queued, or refused with its reason; the counts that status and dashboard show."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.loop.backlog.triage import LIVE
from trimtab.store import Decision

QUEUES = ("sft", "preference", "unpaired")


@dataclass(frozen=True, slots=True)
class Fates:
    """``queued``: events with a row that may teach, and their queues; ``refused``: the others, with why.

    ``partly``: queued events of which something was refused (an edit that states a number from nowhere).
    """

    queued: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, str]
    partly: Mapping[str, str]
    counts: Mapping[str, int]
    """Rows by queue, and ``waiting``: how many of them a person must decide on."""


def fates(standing: Iterable[Decision]) -> Fates:
    queued: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    counts: Counter[str] = Counter(dict.fromkeys((*QUEUES, "waiting"), 0))
    for one in standing:
        if one.state in LIVE:
            queued[one.event] = (*queued.get(one.event, ()), one.queue)
            counts[one.queue] += 1
            counts["waiting"] += one.state == "waiting"
        else:
            reasons.setdefault(one.event, one.reason)
    return Fates(
        queued,
        {event: reason for event, reason in reasons.items() if event not in queued},
        {event: reason for event, reason in reasons.items() if event in queued},
        dict(counts),
    )
