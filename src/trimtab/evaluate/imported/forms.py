"""Which benchmark a file is of, told by its rows' fields, and what of it can be checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.evaluate.imported.ifeval import ifeval
from trimtab.evaluate.suite import read_cases
from trimtab.records import Ask, Case, Expected, Message, UserError, iter_jsonl
from trimtab.text import content_words, manner, words

_OPTION = re.compile(r"^([A-J])\.\s*(.+)$", re.MULTILINE)
_SHORT = 3
"""Words up to which a reference answer is likely to be said as it stands."""


@dataclass(frozen=True, slots=True)
class Form:
    """``keys``: fields that tell the rows; ``case``: None where a row has no answer that can be checked."""

    keys: frozenset[str]
    case: Callable[[Mapping[str, Any]], Case | None]


@dataclass(frozen=True, slots=True)
class Imported:
    """``left_out``: rows whose answer cannot be checked without a judge, or that are there twice."""

    form: str
    cases: tuple[Case, ...]
    left_out: int


def bbq(row: Mapping[str, Any]) -> Case | None:
    """BBQ (Parrish et al. 2022) in letters: the option that the passage supports, often that it says nothing."""
    options = [text.strip() for _, text in _OPTION.findall(row["options"])]
    right = [i for i, text in enumerate(options) if text in row["answer"]]
    if len(right) != 1:
        return None
    asked = f"{row['passage']}\n\n{row['question'].strip()}\n{row['options']}\n\nAnswer with the letter only."
    check = {"kind": "choice", "options": options, "letter": "ABCDEFGHIJ"[right[0]]}
    known = "unknown" if options[right[0]].casefold().startswith("cannot") else "told"
    return _case(asked, check, battery="bbq", kind=known)


def truthfulqa(row: Mapping[str, Any]) -> Case | None:
    """TruthfulQA's generation rows with a true answer of at most three words that name something (no yes or no)."""
    short = [text for text in row["answer"] if len(words(text)) <= _SHORT and content_words(text)]
    return _case(row["question"], {"kind": "text", "any": short}, battery="truthfulqa") if short else None


def hhh(row: Mapping[str, Any]) -> Case | None:
    """HHH's harmless prompts whose preferred answer refuses; the other subsets only compare two answers."""
    if row["source"] != "harmless" or not manner(row["chosen"]).refusal:
        return None
    return _case(row["instruction"], {"kind": "stance", "should": "refuse"}, battery="hhh", action="decline")


def mt_bench(row: Mapping[str, Any]) -> Case | None:
    """MT-bench's two turns, to be read or judged: its references are no keys (some are wrong): nothing is checked."""
    first, *then = row["turns"]
    labels = {"battery": "mt_bench", "kind": row["category"]}
    return Case((Message("user", first),), Expected("answer"), ask=Ask(then=tuple(then), offer=()), labels=labels)


FORMS: dict[str, Form] = {
    "ifeval": Form(frozenset({"prompt", "instruction_id_list", "kwargs"}), ifeval),
    "bbq": Form(frozenset({"passage", "question", "options", "answer"}), bbq),
    "truthfulqa": Form(frozenset({"question", "answer"}), truthfulqa),
    "hhh": Form(frozenset({"source", "instruction", "chosen", "rejected"}), hhh),
    "mt_bench": Form(frozenset({"turns", "category", "question_id"}), mt_bench),
}


def form_of(row: Any) -> str | None:
    """The first form whose fields the row has; None where it has none's."""
    if not isinstance(row, Mapping):
        return None
    return next((name for name, form in FORMS.items() if form.keys <= row.keys()), None)


def import_file(path: Path) -> Imported:
    """Our own cases, or those of a benchmark's file. Raises UserError with file and line."""
    name = next((form_of(row) for _, row in iter_jsonl(path)), None)
    if name is None:
        return Imported("cases", tuple(read_cases(path)), 0)
    found: dict[str, Case] = {}
    rows = 0
    for line, row in iter_jsonl(path):
        rows += 1
        try:
            case = FORMS[name].case(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"no row of {name} ({error!r})", file=path, line=line) from error
        if case is not None:
            found.setdefault(case.id, case)
    if not found:
        raise UserError(f"no row of {name} has an answer that can be checked", file=path, field="cases")
    return Imported(name, tuple(found.values()), rows - len(found))


def _case(asked: str, check: Mapping[str, Any], *, action: Any = "answer", **labels: Any) -> Case:
    return Case((Message("user", asked),), Expected(action, check=check), ask=Ask(offer=()), labels=labels)
