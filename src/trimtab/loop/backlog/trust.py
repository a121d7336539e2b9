"""Whom to believe: a person's history of accepted and refused rows, and of agreement with others, as one number."""

from collections import Counter
from collections.abc import Iterable
from itertools import permutations

from trimtab.records import Feedback
from trimtab.store import Decision

AUTO = "auto"
"""Who decided, where a rule did: an automatic acceptance is no evidence for anybody."""


class Trust:
    """(1 + good) / (2 + good + bad): the mean of a Beta(1, 1) prior after what is known (Laplace's rule).

    Good: rows that a person accepted, others' words of the same sign on the same answer. Bad: rows that a person
    refused, edits without words, others' words of the other sign.
    """

    def __init__(self, decisions: Iterable[Decision], said: Iterable[Feedback]) -> None:
        self._good: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        for one in decisions:
            who, by_person = str(one.body.get("annotator", "")), one.who != AUTO
            if one.state == "accepted" and by_person:
                self._good[who] += 1
            elif one.state == "refused" and (by_person or one.body.get("fault")):
                self._bad[who] += 1
        self._compare(said)

    def of(self, annotator: str) -> float:
        """Between 0 and 1; 0.5 for somebody without a history or a name."""
        if not annotator:
            return 0.5
        good, bad = self._good[annotator], self._bad[annotator]
        return (1 + good) / (2 + good + bad)

    def fault(self, annotator: str) -> None:
        self._bad[annotator] += 1

    def _compare(self, said: Iterable[Feedback]) -> None:
        """Each named person's last word on a trace against each other's."""
        by_trace: dict[str, dict[str, bool]] = {}
        for word in said:
            if word.user:
                by_trace.setdefault(word.trace, {})[word.user] = _approves(word)
        for signs in by_trace.values():
            for one, other in permutations(signs, 2):
                (self._good if signs[one] == signs[other] else self._bad)[one] += 1


def _approves(word: Feedback) -> bool:
    return bool(word.thumb) and word.edit is None and not word.escalated and word.severity is None
