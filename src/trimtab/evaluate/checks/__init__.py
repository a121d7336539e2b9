"""How an answer itself is judged where a case says how: each check scores the samples of one case."""

from collections.abc import Callable, Mapping, Sequence

from trimtab.evaluate.checks.exact import choice, number, text
from trimtab.evaluate.routes.check import calls_check
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, UserError
from trimtab.tools import Outcome

Check = Callable[[Case, Sequence[Outcome]], Mapping[str, float]]
"""The case and its samples that were finished (at least one) -> metric -> score."""

CHECKS: dict[str, Check] = {"calls": calls_check, "choice": choice, "number": number, "text": text}


def check_scores(case: Case, transcript: Transcript) -> dict[str, float]:
    """The scores of the case's check; empty where it has none. Raises UserError on a kind that is not known."""
    if not case.expected.check:
        return {}
    kind = str(case.expected.check["kind"])
    if (check := CHECKS.get(kind)) is None:
        raise UserError(f"unknown check {kind!r}", field="expected.check.kind", expected=" | ".join(sorted(CHECKS)))
    return dict(check(case, transcript.samples))
