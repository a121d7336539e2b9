"""Pairs that differ only in support: unsupported spans become rarer while the model answers as often."""

from pathlib import Path

from benchmarks.learn.data import grounded
from benchmarks.learn.measure import Prompt, answers, texts
from benchmarks.learn.result import Panel, Place, Point, Result, apart
from trimtab.curate import SEARCH_TOOL
from trimtab.records import Case, Comparison, Example
from trimtab.train import PreferenceConfig, SftConfig, train_dpo, train_sft
from trimtab.train.grounding.pairs import names_of, support_pairs
from trimtab.train.grounding.spans import Answer, answer_rate, evidence_of, ungrounded_rate

TAUGHT, PAIRED, HELD_OUT = 96, 160, 200
SIZES = (0, 160)
PASSAGE_WORDS = 50
"""Four passages a question, three of them beside the point: enough to cite the wrong one."""
TEACH = SftConfig(learning_rate=1e-4, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")
PREFER = PreferenceConfig(learning_rate=1e-5, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")


def run(place: Place) -> Result:
    """The rates after SFT alone, and after 160 support pairs on top of it."""
    examples, cases = grounded(place.data, "nq_open_oracle/grounded_qa_multi", PASSAGE_WORDS)
    start = _taught(place, examples[:TAUGHT])
    pairs = _pairs(examples[TAUGHT:])[:PAIRED]
    loose, answering = [], []
    for size in SIZES:
        given = _answers(_preferred(place, start, pairs[:size]), cases[:HELD_OUT])
        loose.append(Point.of(size, ungrounded_rate(given)))
        answering.append(Point.of(size, answer_rate(given)))
    held = apart(loose[0], loose[-1]) and loose[-1].value < loose[0].value and not apart(answering[0], answering[-1])
    panels = (
        Panel("Answers with an unsupported span", "support pairs", "share of claiming answers", {"DPO": tuple(loose)}),
        Panel("Answer rate", "support pairs", "share of all answers", {"DPO": tuple(answering)}),
    )
    claim = "Pairs that differ only in support lower the ungrounded rate, intervals apart, and the answer rate holds"
    return Result(claim, held, panels, {"taught": TAUGHT, "pairs": len(pairs)})


def _taught(place: Place, rows: list[Example]) -> Path:
    folder = place.work / "sft"
    train_sft(place.model, rows, TEACH, work=folder / "work", out=folder / "model")
    return folder / "model"


def _pairs(examples: list[Example]) -> list[Comparison]:
    names = names_of(examples)
    return [pair for example in examples for pair in support_pairs(example, 0, names)]


def _preferred(place: Place, start: Path, pairs: list[Comparison]) -> Path:
    if not pairs:
        return start
    folder = place.work / f"dpo-{len(pairs)}"
    train_dpo(start, pairs, PREFER, work=folder / "work", out=folder / "model")
    return folder / "model"


def _answers(folder: Path, cases: list[Case]) -> list[Answer]:
    prompts: list[Prompt] = [(case.messages, case.tools or (SEARCH_TOOL,)) for case in cases]
    said = texts(folder, answers(folder, prompts, max_tokens=64))
    return [(message.content, evidence_of(case.messages)) for message, case in zip(said, cases, strict=True)]
