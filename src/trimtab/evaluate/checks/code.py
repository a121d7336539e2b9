"""Code that answers a case: each sample's function is run on the case's tests in the sandbox."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from trimtab.evaluate.checks.code_block import code_of
from trimtab.records import Case
from trimtab.stats.pass_at_k import pass_at_k
from trimtab.tools import Outcome
from trimtab.tools.sandbox import Failure, Ran, RunLimits, Sandbox, shared_sandbox

FAILURES: dict[Failure, str] = {
    "syntax": "code_syntax_error",
    "wrong": "code_wrong_answer",
    "error": "code_runtime_error",
    "time": "code_timeout",
}
UNSUPPORTED, CUT_OFF = "code_unsupported", "code_cut_off"
_CUT = frozenset({"length", "tokens", "seconds"})
_KINDS: dict[Failure, Failure] = {"memory": "time", "crashed": "error"}
Run = Callable[[str, RunLimits], Ran]
_DONE = "every test of this case has run"


def code(case: Case, samples: Sequence[Outcome], sandbox: Sandbox | None = None) -> dict[str, float]:
    """``code_pass_at_1``, ``code_pass_at_{k}`` and the share of samples that failed in each way.

    The check: ``entry`` (the function's name), ``calls`` (expressions) with ``values`` (what each must give) or
    ``asserts`` (statements); ``before`` (code that goes first), ``k`` (default: the samples asked), ``seconds``.
    A sample that needs what the sandbox lacks is not scored: ``code_unsupported`` is the share of these, 1 where the
    check's own ``reference`` does not pass here. Where no sample can be scored only that is given, and pass@k only from
    k scored samples on. One that the length cut off is run as far as it goes, and if it fails that is
    ``code_cut_off``: to leave it out would let pass@k be of the cases with short answers alone.
    Raises UserError without the extra ``sandbox``.
    """
    run = (sandbox or shared_sandbox()).run
    if "reference" in case.expected.check and reference_fails(case.expected.check, run):
        return {UNSUPPORTED: 1.0}
    ends = [_end(sample, judged(case.expected.check, sample.raw_answer, run)) for sample in samples]
    unsupported = ends.count("unsupported")
    scores = {UNSUPPORTED: unsupported / len(ends)}
    if (n := len(ends) - unsupported) == 0:
        return scores
    found = Counter(ends)
    k = int(case.expected.check.get("k", case.ask.samples))
    scores |= (
        {name: found[kind] / n for kind, name in FAILURES.items()}
        | {CUT_OFF: found["cut"] / n}
        | {"code_pass_at_1": found[None] / n}
    )
    return scores | ({f"code_pass_at_{k}": pass_at_k(n, found[None], k)} if 1 < k <= n else {})


def _end(sample: Outcome, failure: Failure | None) -> Failure | Literal["cut"] | None:
    return "cut" if failure not in (None, "unsupported") and sample.finish in _CUT else failure


def judged(check: Mapping[str, Any], answer: str, run: Run) -> Failure | None:
    """Why one answer fails its case's tests; None where it passes them all."""
    solution = code_of(answer, str(check["entry"]))
    return _tried(check, solution, run) if solution else "syntax"


def reference_fails(check: Mapping[str, Any], run: Run) -> Failure | None:
    """Why the case's own solution fails its tests here: such a case says nothing about a model."""
    return _tried(check, str(check["reference"]), run)


def _tried(check: Mapping[str, Any], solution: str, run: Run) -> Failure | None:
    program = "\n".join([str(check.get("before", "")), solution, "", *_tests(check)])
    ran = run(program, RunLimits(seconds=float(check.get("seconds", 2.0))))
    if ran.failure is not None:
        return _KINDS.get(ran.failure, ran.failure)
    return None if same(ran.value, check.get("values", _DONE)) else "wrong"


def same(got: Any, wanted: Any) -> bool:
    """Equal as data: a tuple is a list, a float agrees to 1e-9; True is not 1, a model's own object is nothing."""
    if isinstance(wanted, list | tuple):
        return isinstance(got, list | tuple) and len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in got)
    if isinstance(wanted, bool) or isinstance(got, bool) or wanted is None or isinstance(wanted, str):
        return type(got) is type(wanted) and bool(got == wanted)
    if isinstance(got, float) or isinstance(wanted, float):
        return isinstance(got, int | float) and math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return type(got) is int and bool(got == wanted)


def _tests(check: Mapping[str, Any]) -> list[str]:
    """The trailing lines of the program: the values of all calls, or the assertions and a sign that they have run.

    Values are compared out here, where the model's code cannot say what equal means.
    """
    if "values" in check:
        return [f"[{', '.join(map(str, check['calls']))}]"]
    return [*map(str, check["asserts"]), repr(_DONE)]
