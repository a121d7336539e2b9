"""Sealed cases and clean rows from the shared sets, and the ways in which a case gets into training."""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.records import Case, Example, Expected, Message
from trimtab.text import normalise, sentences

CASES = {"nq_open_oracle": 350, "boolq": 150, "gsm8k": 250, "mmlu_sample": 150, "pubmedqa": 100}
"""Sealed cases of each set, 1,000 in all; about 400 are questions of four to eight words."""
OTHERS = (
    "clinc150/original",
    "svamp/original",
    "commonsenseqa/original",
    "openbookqa/original",
    "hh_harmless/preference",
    "self_instruct/chat_sft",
)
"""Sets from which no case is sealed: what is blocked of them is blocked wrongly, unless it does repeat a case."""
FURTHER = (
    "arena_hard_v2_prompts",
    "bbq_sample",
    "bfcl",
    "biggen_bench",
    "disfl_qa",
    "dpo_mix_demo",
    "fitz_gov",
    "glaive_toolcall",
    "healthbench_sample",
    "hhh_alignment",
    "humaneval",
    "ifbench",
    "ifeval",
    "judgebench",
    "kto_mix_demo",
    "llmbar",
    "llms_from_scratch_sft",
    "mbpp",
    "mt_bench",
    "mtrag_human_eval",
    "mtrag_query_rewrites",
    "mtrag_un",
    "pandalm_testset",
    "presidio_pii",
    "sgd",
    "toolalpaca_eval",
    "truthfulqa",
    "when2call",
    "xstest",
)
"""Sets that no threshold was chosen on."""
_PROSE = ("quac/original", "wiki_articles/original", "c4_sample/original")
_FILES = {"gsm8k": "gsm8k/chat_sft", "mmlu_sample": "mmlu_sample/multiple_choice", "pubmedqa": "pubmedqa/original"}


@dataclass(frozen=True, slots=True)
class Questions:
    """``sealed``: the cases; ``others``: of sets that seal none; ``siblings``: the rest of the sets that do."""

    sealed: list[str]
    others: list[str]
    siblings: list[str]


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a set's file, gzipped or not."""
    path = next(path for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz") if path.is_file())
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def question_of(row: dict[str, Any]) -> str:
    """What a row asks, whatever its shape."""
    if "messages" in row or "prompt" in row:
        return str(next(turn["content"] for turn in row.get("messages") or row["prompt"] if turn["role"] == "user"))
    if "Body" in row:
        return f"{row['Body']} {row['Question']}"
    return str(row.get("question") or row["text"])


def split_questions(folder: Path, seed: int = 0) -> Questions:
    """The shared sets' questions in three parts; none is in two, whatever its case and punctuation."""
    draw, sealed, siblings = random.Random(seed), dict[str, str](), dict[str, str]()
    for name, count in CASES.items():
        rows = rows_of(folder, _FILES.get(name, f"{name}/grounded_qa"))
        found = {normalise(text): text for text in map(question_of, rows)}
        known = sorted(form for form in found if len(form.split()) >= 4)
        draw.shuffle(known)
        sealed |= {form: found[form] for form in known[:count]}
        siblings |= {form: found[form] for form in known[count:]}
    others = {normalise(text): text for name in OTHERS for text in map(question_of, rows_of(folder, name))}
    return Questions(
        list(sealed.values()),
        [text for form, text in others.items() if form and form not in sealed],
        [text for form, text in siblings.items() if form not in sealed],
    )


def prose(folder: Path) -> list[str]:
    """Sentences of articles and passages of sets that seal no case, each once."""
    found = dict[str, None]()
    for name in _PROSE:
        for row in rows_of(folder, name):
            parts = sentences(row.get("passage") or row["text"])
            found |= dict.fromkeys(part for part in parts if 5 <= len(part.split()) <= 60)
    return list(found)


def further(folder: Path, fewest: int = 4, most: int = 300) -> list[str]:
    """Every distinct text of ``fewest`` to ``most`` words anywhere in the rows of the further sets."""
    found = dict[str, None]()
    for name in FURTHER:
        for row in rows_of(folder, f"{name}/original"):
            found |= dict.fromkeys(text for text in _strings(row) if fewest <= len(text.split()) <= most)
    return list(found)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def clean_rows(questions: list[str], text: list[str], count: int, seed: int = 1) -> Iterator[Example]:
    """``count`` rows: each question alone, after a sentence and before one, in turn; then one to three sentences.

    Every row is answered with a sentence.
    """
    draw, size = random.Random(seed), len(questions)
    for i in range(count):
        sentence = draw.choice(text)
        if i < 3 * size:
            question = questions[i % size]
            asked = (question, f"{sentence} {question}", f"{question} {sentence}")[i // size]
        else:
            asked = " ".join(draw.sample(text, draw.randint(1, 3)))
        yield chat(asked, draw.choice(text))


def chat(question: str, answer: str) -> Example:
    return Example((Message("user", question), Message("assistant", answer)))


def case(question: str) -> Case:
    return Case((Message("user", question),), Expected("answer"))


def changed(text: str, draw: random.Random) -> str:
    """Case and punctuation changed, no word."""
    marks = ("", ",", "!", " -", "...", ";")
    swapped = (draw.choice((word.upper(), word.title(), word.lower())) for word in normalise(text).split())
    return " ".join(word + draw.choice(marks) for word in swapped)


def reworded(text: str, fillers: list[str], draw: random.Random) -> str:
    """Every fifth word replaced, deleted or joined by another; the first of them is drawn, and at least one changes."""
    tokens, made = text.split(), list[str]()
    first = draw.randrange(min(5, len(tokens)))
    for i, token in enumerate(tokens):
        if (i - first) % 5:
            made.append(token)
        else:
            made += draw.choice(([draw.choice(fillers)], [], [token, draw.choice(fillers)]))
    return " ".join(made)


def embedded(text: str, prose: list[str], draw: random.Random) -> str:
    """Inside a longer text: sentences before and after it."""
    before, after = (" ".join(draw.sample(prose, draw.randint(2, 4))) for _ in range(2))
    return f"{before} {text} {after}"
