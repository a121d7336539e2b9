"""How far scorecards of one task agree, question by question, and where they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from trimtab.records import Scorecard
from trimtab.stats import mean_interval, paired_interval


@dataclass(frozen=True, slots=True)
class Row:
    """One question and the number that answers it."""

    id: str
    question: str
    answer: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "question": self.question, "answer": self.answer}

    def chat(self) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]}


@dataclass(frozen=True, slots=True)
class _Side:
    scores: Mapping[str, float]
    answers: Mapping[str, str]
    unscored: int


def agreement(
    cards: Mapping[str, Scorecard], by_row: Mapping[str, Mapping[str, str]], ids: Sequence[str]
) -> dict[str, Any]:
    """Scores with intervals, agreement by pair, and every question that was scored in two ways.

    ``by_row``: for a harness that numbers its questions, number -> id. Each scorecard must have one metric.
    """
    sides = {name: _side(card, by_row.get(name, {})) for name, card in cards.items()}
    scores = {}
    for name, side in sides.items():
        found = mean_interval(list(side.scores.values()), lower=0.0, upper=1.0)
        scores[name] = {
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "unscored": len(ids) - found.n,
        }
    pairs = {f"{a} / {b}": _pair(sides[a], sides[b]) for a, b in combinations(sides, 2)}
    differing = [
        {"id": id} | {name: [side.scores.get(id), side.answers.get(id, "")[-120:]] for name, side in sides.items()}
        for id in ids
        if len({side.scores.get(id) for side in sides.values()}) > 1
    ]
    return {"scores": scores, "pairs": pairs, "differing": differing}


def disagreements(found: Mapping[str, Any]) -> list[str]:
    """A line for each question that was scored in two ways: the end of each answer, and its score."""
    if not found["differing"]:
        return ["No question was scored in two ways."]
    lines = ["Questions that were scored in two ways (score, end of the answer):", ""]
    for one in found["differing"]:
        told = [f"{name} {score}: …{' '.join(end.split())}" for name, (score, end) in one.items() if name != "id"]
        lines.append(f"- {one['id']}: " + "; ".join(told))
    return lines


def _side(card: Scorecard, names: Mapping[str, str]) -> _Side:
    (scores,) = card.cases.values()
    return _Side(
        {names.get(id, id): score for id, score in scores.items()},
        {names.get(id, id): str(answer["answer"]) for id, answer in card.answers.items()},
        0,
    )


def _pair(a: _Side, b: _Side) -> dict[str, Any]:
    both = [id for id in a.scores if id in b.scores]
    found = paired_interval([a.scores[id] for id in both], [b.scores[id] for id in both])
    return {
        "n": len(both),
        "same_answer": sum(a.answers[id].strip() == b.answers[id].strip() for id in both),
        "same_score": sum(a.scores[id] == b.scores[id] for id in both),
        "difference": f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]",
    }
