"""Puzzles of ``reasoning-gym``, fresh by seed: short answers, each judged by its data set's own verifier."""

from trimtab.evaluate.checks.reasoning import DATASETS, drawn_set, question_digest
from trimtab.records import Ask, Case, Expected, Message, UserError

_HOW = "End with a line that reads Answer: and only the answer."
_TOKENS = 320


def reasoning(count: int, seed: int) -> list[Case]:
    """Puzzles of reasoning-gym, its data sets in turn (extra `reasoning`).

    Raises UserError without the extra, or where too few differ.
    """
    each = -(-count // len(DATASETS))
    columns = [_cases(name, each, seed) for name in DATASETS]
    return [columns[i % len(DATASETS)][i // len(DATASETS)] for i in range(count)]


def _cases(name: str, count: int, seed: int) -> list[Case]:
    size = 4 * count + 20  # some questions come twice
    data, found = drawn_set(name, seed, size), dict[str, Case]()
    for i in range(size):
        question = str(data[i]["question"]).strip()
        if question not in found and len(found) < count:
            found[question] = _case(name, question, {"seed": seed, "size": size, "index": i})
    if len(found) < count:
        raise UserError(
            f"{name} has no {count} distinct questions", field="cases", expected=f"at most {len(found)} a data set"
        )
    return list(found.values())


def _case(name: str, question: str, place: dict[str, int]) -> Case:
    check = {"kind": "reasoning", "dataset": name, **place, "question": question_digest(question)}
    return Case(
        (Message("user", f"{question}\n\n{_HOW}"),),
        Expected("answer", check=check),
        ask=Ask(offer=(), temperature=0.0, max_tokens=_TOKENS),
        labels={"kind": "reasoning", "category": name, "cluster": f"reasoning:{name}"},
    )
