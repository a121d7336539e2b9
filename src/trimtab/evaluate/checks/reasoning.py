"""An answer to a puzzle of ``reasoning-gym``, judged by the verifier of the data set that it was drawn from."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from trimtab.evaluate.checks.exact import accuracy_of
from trimtab.records import Case, UserError, digest
from trimtab.tools import Outcome

DATASETS = (
    "basic_arithmetic",
    "chain_sum",
    "simple_equations",
    "gcd",
    "prime_factorization",
    "number_sequence",
    "calendar_arithmetic",
    "time_intervals",
    "letter_counting",
    "spell_backward",
    "syllogism",
    "family_relationships",
)
"""Those with short answers whose verifiers were read: they compare, and never evaluate an answer."""
_RIGHT = 0.999
"""A verifier gives 1 for a right answer, and some crumbs for the form of a wrong one."""
_TAG = re.compile(r"<answer>([^<]*)</answer>", re.IGNORECASE)
_LINE = re.compile(r"\banswer\b(?:\s+is)?\s*[:=]?\s*([^\n]+)", re.IGNORECASE)
_LONGEST = 500
_AROUND = " \t\"'`*.$"


def reasoning(case: Case, samples: Sequence[Outcome]) -> dict[str, float]:
    """``{battery}_accuracy``: whether the data set's verifier takes the answer as right.

    Raises UserError without the extra ``reasoning``, and where another version of it draws another question.
    """
    check = case.expected.check
    data = drawn_set(str(check["dataset"]), int(check["seed"]), int(check["size"]))
    entry = data[int(check["index"])]
    if question_digest(str(entry["question"])) != check["question"]:
        raise UserError(
            f"reasoning-gym now draws another question of {check['dataset']}",
            field="expected.check",
            fix="Make the battery's cases again, with the version that is installed",
        )
    return {accuracy_of(case): float(_verified(data, said_answer(samples[0].raw_answer), entry) >= _RIGHT)}


def _verified(data: Any, answer: str, entry: Any) -> float:
    """The verifier's score; one that trips over an answer, as over words where it wants numbers, has not taken it."""
    try:
        return float(data.score_answer(answer[:_LONGEST], entry=entry))
    except Exception:  # the named boundary: each data set's verifier has errors of its own
        return 0.0


def said_answer(answer: str) -> str:
    """What stands in the last ``<answer>`` tag, else after the last "Answer:", else the last line."""
    if tagged := _TAG.findall(answer):
        return str(tagged[-1]).strip()
    lines = answer.strip().splitlines() or [""]
    marked = _LINE.findall(answer)
    return str(marked[-1] if marked else lines[-1]).strip(_AROUND)


def question_digest(question: str) -> str:
    return digest(question.strip())[:16]


@lru_cache(maxsize=64)
def drawn_set(name: str, seed: int, size: int) -> Any:
    """A data set of reasoning-gym, with ``score_answer``. Raises UserError without the extra or off the list."""
    if name not in DATASETS:
        raise UserError(f"unknown data set {name!r}", field="expected.check.dataset", expected=" | ".join(DATASETS))
    return require_reasoning_gym().create_dataset(name, size=size, seed=seed)


def require_reasoning_gym() -> Any:
    """The module. Raises UserError where the extra ``reasoning`` is not installed."""
    try:
        import reasoning_gym
    except ImportError as error:
        raise UserError(
            "the battery 'reasoning' needs reasoning-gym, which is not installed",
            expected="reasoning-gym",
            fix="pip install trimtab[reasoning]",
        ) from error
    return reasoning_gym
