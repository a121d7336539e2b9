"""`make bench NAME=grounding`: how far our own test of support agrees with people, and where it is decidable."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click

from benchmarks import pages
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pii.data import shared_folder
from trimtab.evaluate import Lexical, Pair
from trimtab.evaluate.grounding import EntailmentConfig, Entails, Sources, entails_of, ungrounded, ungrounded_by
from trimtab.stats import Interval, auc_interval, mean_interval
from trimtab.text import content_words

FAITHFUL, UNFAITHFUL = 3.5, 2.5
"""Mean ratings (1 to 4) from which an answer counts as faithful, and up to which as not; between lies doubt."""
MOST_BAD = 0.5
"""Ungrounded share above which an answer counts as unfaithful."""
RECORDED = {
    "rl_f": "rl_f, an LLM judge (recorded)",
    "rb_llm": "rb_llm, an LLM judge (recorded)",
    "Bert-KPrec": "BERT K-precision (recorded)",
}
GOAL: pages.Goal = ("at least", 0.9)


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer with its contexts, people's mean rating of its faithfulness, our ungrounded share of it, and the scores
    recorded with it."""

    task: str
    answer: str
    sources: Sources
    rating: float
    share: float
    recorded: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Decided:
    """A claim whose support is known; ``kind`` says how it was made."""

    kind: str
    pair: Pair
    supported: bool
    cluster: str


def rated(folder: Path, most: int | None = None) -> list[Rated]:
    """mtrag_human_eval: answers that claim something, with up to three ratings each; of the first ``most`` rows."""
    rows = islice(_lines(folder / "mtrag_human_eval" / "original.jsonl.gz"), most)
    return [one for row in rows if (one := _rated(row))]


def natural_questions(folder: Path) -> Iterator[Decided]:
    """A question with its answer against the gold passage and the distractors, and with another row's answer."""
    rows = [row for row in _lines(folder / "nq_open_oracle" / "grounded_qa_multi.jsonl.gz") if row["answerable"]]
    for row, other in zip(rows, rows[1:] + rows[:1], strict=True):
        gold = [one for one in row["passages"] if one["id"] in row["meta"]["gold"]]
        rest = [one for one in row["passages"] if one["id"] not in row["meta"]["gold"]]
        right, wrong = (f"{row['question']} {one['answers'][0]}" for one in (row, other))
        cluster = row["meta"]["id"]
        for one in gold:
            yield Decided("nq: gold passage", Pair(_passage(one), right), True, cluster)
            if not any(answer.casefold() in _passage(one).casefold() for answer in other["answers"]):
                yield Decided("nq: another answer", Pair(_passage(one), wrong), False, cluster)
        for one in rest:
            yield Decided("nq: distractor", Pair(_passage(one), right), False, cluster)


def bias_questions(folder: Path) -> Iterator[Decided]:
    """BBQ: "question option" for options that name somebody; where the passage does not say, none is supported."""
    for row in _lines(folder / "bbq_sample" / "original.jsonl.gz"):
        options = [line.partition(". ")[2] for line in row["options"].splitlines()]
        answer = row["answer"][0]
        question = row["question"].split("\n")[0]
        told = answer.casefold() not in _UNTOLD
        for option in options:
            if option.casefold() in _UNTOLD:
                continue
            kind = "bbq: told" if told and option == answer else "bbq: told otherwise" if told else "bbq: not told"
            yield Decided(kind, Pair(row["passage"], f"{question} {option}"), option == answer, row["_id"])


_UNTOLD = frozenset(
    {
        *(
            "cannot answer",
            "can't answer",
            "unknown",
            "not known",
            "undetermined",
            "not answerable",
            "can't be determined",
        ),
        *("cannot be determined", "not enough info", "not enough information"),
    }
)


def share(one: Rated) -> float:
    return one.share


def overlap(one: Rated) -> float:
    """The plain twin: share of the answer's content words that are in no context."""
    own = content_words(one.answer)
    return len(own - content_words(one.sources.shown)) / max(len(own), 1)


def separation(rows: Sequence[Rated], score: Callable[[Rated], float]) -> Interval:
    """Probability that an unfaithful answer scores above a faithful one."""
    return auc_interval(
        [score(one) for one in rows if one.rating <= UNFAITHFUL], [score(one) for one in rows if one.rating >= FAITHFUL]
    )


def agreement(rows: Sequence[Rated]) -> Interval:
    """Share of the answers out of doubt on which share > 0.5 and people agree, clustered by task."""
    sure = [one for one in rows if not UNFAITHFUL < one.rating < FAITHFUL]
    right = [float((share(one) > MOST_BAD) == (one.rating <= UNFAITHFUL)) for one in sure]
    return mean_interval(right, [one.task for one in sure], lower=0.0, upper=1.0)


def decided(judge: Entails, claims: Sequence[Decided]) -> dict[str, Interval]:
    """Kind -> share of its claims that the judge gets right."""
    scores = judge([one.pair for one in claims])
    found: dict[str, tuple[list[float], list[str]]] = {}
    for one, score in zip(claims, scores, strict=True):
        right, clusters = found.setdefault(one.kind, ([], []))
        right.append(float(score is not None and (score >= 0.5) == one.supported))
        clusters.append(one.cluster)
    return {kind: mean_interval(right, clusters, lower=0.0, upper=1.0) for kind, (right, clusters) in found.items()}


def measure(folder: Path) -> tuple[dict[str, Interval], dict[str, Interval], Interval]:
    """How well each score parts faithful from unfaithful answers; each kind of claim; agreement with people."""
    rows = rated(folder)
    parts = {"Trimtab, ungrounded_share": separation(rows, share), "content-word overlap": separation(rows, overlap)}
    for key, title in RECORDED.items():
        parts[title] = separation([one for one in rows if key in one.recorded], partial(_recorded, key))
    kinds = decided(Lexical(), [*natural_questions(folder), *bias_questions(folder)])
    return parts, kinds, agreement(rows)


def by_judge(judge: Entails, folder: Path, most: int = 60) -> dict[str, Interval]:
    """Another judge on the first ``most`` claims of either set, and on people's ratings; answers that it cannot say
    anything about are left out there, and wrong among the claims."""
    claims = [*islice(natural_questions(folder), most), *islice(bias_questions(folder), most)]
    shares = {one: said for one in rated(folder) if (said := ungrounded_by(judge, one.answer, one.sources)) is not None}
    return {"AUC": separation(list(shares), shares.__getitem__), **decided(judge, claims)}


def page(parts: Mapping[str, Interval], kinds: Mapping[str, Interval], agreed: Interval, machine: Any) -> str:
    """Markdown for people."""
    ours = next(iter(parts.values())).value
    lines = [
        "# Grounding",
        "",
        f"Command: `make bench NAME=grounding`. Python {machine['python']}, {machine['date']}; offline, no model.",
        "",
        _PEOPLE,
        "",
        *pages.markdown(("score", "AUC [95 %]"), [(name, _cell(one)) for name, one in parts.items()]),
        "",
        f"Goal of ours: {pages.verdict(ours, GOAL)}. With unfaithful read as a share above {MOST_BAD:g},",
        f"agreement with people is {_cell(agreed)}.",
        "",
        "## Claims whose support is known",
        "",
        _DECIDED,
        "",
        *pages.markdown(("claims", "judged rightly [95 %]"), [(name, _cell(one)) for name, one in kinds.items()]),
        "",
        _READING,
        "",
    ]
    return "\n".join(lines)


_PEOPLE = """\
People's ratings of faithfulness (1 to 4, three each) of answers to multi-turn questions (mtrag_human_eval: a person's
and two models' answers to 120 tasks). AUC: the chance that an answer rated at most 2.5 scores as less grounded than
one rated at least 3.5; 0.5 is a coin. Nothing of `ungrounded_share` was chosen on these rows; that `supported` lets the
words of a name stand apart within a sentence was (its AUC: 0.964 before, 0.968 with it). The recorded scores are the
set's own."""

_DECIDED = """\
Natural Questions: "question answer" against its gold passage, the same with another row's answer, and against lexical
distractors. BBQ: "question person" against a passage that says it of this person, of the other, or of neither."""

_READING = """\
## What to make of it

- Overlap of numbers, names and content words parts what models add from what they were given much as people do.
- For ranking whole answers the plain share of content words that no context has is as good or better (the intervals
  overlap): it is finer than a share of sentences. The metric counts sentences because a count can be read, its spans
  can be shown, and one wrong number in a long answer moves it, which a share of words hardly notices.
- It reads no sentence. Who did what is beyond it: in BBQ both persons and the deed stand in the passage, so the claim
  about the wrong one "holds". A workspace whose answers turn on that should name a judge (`evaluate.entailment`).
- A question in other words than its passage makes a claim that looks unsupported: the share of gold passages above is
  what a questioner's wording costs; answers written from the passage fare better, as the ratings show. The names that
  BBQ's options spell out beyond the passage ("Susan Walsh, who is a chemist") cost it the same way.
- fitz_gov has neither answers nor statements to judge (its forbidden claims are patterns); it serves the refusals."""


@click.command()
@click.option("--endpoint", default="", help="A judge to measure beside ours: an OpenAI-compatible API, with --model.")
@click.option("--model", default="", help="Its model.")
@click.option("--folder", type=click.Path(path_type=Path), help="Or: a sequence-classification model.")
@click.option("--json", "as_json", is_flag=True, help="One flat object on standard output instead of the tables.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of published data sets.")
@click.option("--out", type=click.Path(path_type=Path), help="Stem of the report (default: docs/results/grounding).")
def main(endpoint: str, model: str, folder: Path | None, as_json: bool, data: Path | None, out: Path | None) -> None:
    """Measure, print, and write the report; with another judge, measure and print that."""
    if endpoint or folder:
        judge = entails_of(EntailmentConfig(endpoint=endpoint, model=model, folder=str(folder or "")))
        print(json.dumps({name: _cell(one) for name, one in by_judge(judge, shared_folder(data)).items()}, indent=1))
        return
    parts, kinds, agreed = measure(shared_folder(data))
    machine = describe()
    every = {**parts, **kinds, "agreement": agreed}
    numbers = {name: {"value": one.value, "n": one.n, "low": one.low, "high": one.high} for name, one in every.items()}
    pages.write(
        out or ROOT / "docs" / "results" / "grounding",
        page(parts, kinds, agreed, machine),
        {**numbers, "date": machine["date"]},
    )
    if as_json:
        print(json.dumps({name: one["value"] for name, one in numbers.items()}))
    else:
        pages.show([("Grounding", ("figure", "value"), [(name, _cell(one)) for name, one in every.items()])])


def _rated(row: Mapping[str, Any]) -> Rated | None:
    notes = row["annotations"]
    ratings = [int(one["value"]) for one in notes["faithfulness"].values() if str(one.get("value")).isdigit()]
    shown = "\n".join(f"{one.get('title') or ''}\n{one['text']}" for one in row["contexts"])
    told = "\n".join(turn["text"] for turn in row["input"])
    sources = Sources(shown, told)
    bad = ungrounded(row["model_response"], sources).share
    if not ratings or bad is None:
        return None
    recorded = {key: score for key in RECORDED if (score := _score(notes[key])) is not None}
    return Rated(row["task_id"], row["model_response"], sources, sum(ratings) / len(ratings), bad, recorded)


def _score(note: Mapping[str, Any]) -> float | None:
    """A score of the set, whoever gave it."""
    value = next(iter(note.values()))["value"] if note else None
    return float(value) if isinstance(value, int | float) else None


def _recorded(key: str, one: Rated) -> float:
    return -one.recorded[key]


def _passage(row: Mapping[str, Any]) -> str:
    return f"{row['title']}\n{row['text']}"


def _cell(one: Interval) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}] of {one.n}"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, gzip.decompress(path.read_bytes()).splitlines())


if __name__ == "__main__":
    main()
