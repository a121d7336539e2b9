"""How an answer itself is judged where a case says how: each check scores the samples of one case."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from trimtab.evaluate.checks.code import code
from trimtab.evaluate.checks.constraints import constraints
from trimtab.evaluate.checks.exact import choice, number, text
from trimtab.evaluate.checks.honest import honest
from trimtab.evaluate.checks.reasoning import reasoning, require_reasoning_gym
from trimtab.evaluate.checks.says import says
from trimtab.evaluate.checks.stance import stance
from trimtab.evaluate.routes.check import calls_check
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case, UserError
from trimtab.tools import Outcome
from trimtab.tools.sandbox import shared_sandbox

Check = Callable[[Case, Sequence[Outcome]], Mapping[str, float]]
"""The case and its samples that were finished (at least one) -> metric -> score."""

CHECKS: dict[str, Check] = {
    "calls": calls_check,
    "choice": choice,
    "code": code,
    "constraints": constraints,
    "honest": honest,
    "number": number,
    "reasoning": reasoning,
    "says": says,
    "stance": stance,
    "text": text,
}


_NEEDS: dict[str, Callable[[], object]] = {"code": shared_sandbox, "reasoning": require_reasoning_gym}


def require_checks(cases: Iterable[Case]) -> None:
    """That every case can be judged once answered. Raises UserError: an unknown kind, an extra that is missing."""
    for kind in sorted({str(case.expected.check["kind"]) for case in cases if case.expected.check}):
        _check_of(kind)
        _NEEDS.get(kind, _nothing)()


def _nothing() -> None:
    return None


def _check_of(kind: str) -> Check:
    if (check := CHECKS.get(kind)) is None:
        raise UserError(f"unknown check {kind!r}", field="expected.check.kind", expected=" | ".join(sorted(CHECKS)))
    return check


def check_scores(case: Case, transcript: Transcript) -> dict[str, float]:
    """The scores of the case's check; empty where it has none. Raises UserError on a kind that is not known."""
    if not case.expected.check:
        return {}
    return dict(_check_of(str(case.expected.check["kind"]))(case, transcript.samples))
