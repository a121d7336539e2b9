"""How one answer is said, as numbers: its style rates for the scorecard, and the features that drift is seen in."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from trimtab.evaluate.suite import is_redteam
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Case
from trimtab.text import content_words, entities, numbers, sentences, strip_citations, style, surface, words

OPENING = 4
"""Words of an answer's opening."""


def style_scores(text: str) -> dict[str, float]:
    """``hedges_per_100_words``, ``citations_per_answer``, and whether the answer has a list item or markdown
    (``list_rate``, ``markdown_rate``).
    """
    marks = style(text)
    return {
        "hedges_per_100_words": min(100 * marks.hedges / max(marks.words, 1), 100.0),
        "citations_per_answer": float(marks.citations),
        "list_rate": float(marks.list_items > 0),
        "markdown_rate": float(marks.markdown > 0),
    }


def style_columns(answers: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Style rate -> case id -> its value in that answer."""
    found: dict[str, dict[str, float]] = {}
    for case_id, answer in answers.items():
        for name, value in style_scores(answer).items():
            found.setdefault(name, {})[case_id] = value
    return found


def features(text: str, question: str = "") -> dict[str, float]:
    """What a change of manner would move, whatever it makes of correctness; counts as logarithms or a hundred words.

    ``echo``: share of the answer's content words that the question has; ``specifics``: names, codes and numbers a
    hundred words: what an answer about nothing in particular lacks.
    """
    spoken = words(strip_citations(text))
    marks, shown, said = style(text), surface(text), content_words(text)
    count, hundred = len(spoken), 100 / max(len(spoken), 1)
    return {
        "words": math.log1p(count),
        "words_per_sentence": count / max(len(sentences(text)), 1),
        "letters_per_word": sum(map(len, spoken)) / max(count, 1),
        "distinct_words": len(set(spoken)) / max(count, 1),
        "content_words": len(said) / max(count, 1),
        "echo": len(said & content_words(question)) / max(len(said), 1),
        "specifics": hundred * (len(entities(text)) + len(numbers(text))),
        "hedges": hundred * marks.hedges,
        "flattery": float(shown.flattery),
        "citations": math.log1p(marks.citations),
        "list_items": math.log1p(marks.list_items),
        "markdown": math.log1p(marks.markdown),
        "exclamations": math.log1p(shown.exclamations),
        "refusal": float(marks.refusal),
        "deferral": float(marks.deferral),
        "question": float(marks.question),
    }


def opening(text: str) -> str:
    """A key of the answer's first four words in normal form: equal keys mean equal openings, and show no word."""
    return hashlib.sha256(" ".join(words(text)[:OPENING]).encode()).hexdigest()[:12]


def spoken_answers(cases: Mapping[str, Case], transcripts: Mapping[str, Transcript]) -> dict[str, str]:
    """Case id -> what the model said last, of cases that are no attacks, were finished and ended in words."""
    found = {}
    for case_id, case in cases.items():
        one = transcripts[case_id]
        if one.scored and one.outcome is not None and one.outcome.raw_answer.strip() and not is_redteam(case):
            found[case_id] = one.outcome.raw_answer
    return found


def manner_of(cases: Mapping[str, Case], answers: Mapping[str, str]) -> dict[str, Any]:
    """What a scorecard keeps of its answers' manner, case by case and without a word of them."""
    table: dict[str, list[float]] = {}
    for case_id, answer in answers.items():
        question = " ".join(turn.content for turn in cases[case_id].messages if turn.role == "user")
        for name, value in features(answer, question).items():
            table.setdefault(name, []).append(round(value, 5))
    openings = [opening(answer) for answer in answers.values()]
    return {"cases": list(answers), "openings": openings, "features": table} if answers else {}
