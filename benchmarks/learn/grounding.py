"""Two remedies for unsupported spans, one after the other: pairs that differ only in support, then a reward for each
token of such a span. Answers are sampled, as they are where the reward is given; the answer rate is watched beside."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.learn.data import grounded
from benchmarks.learn.measure import Prompt, answers, texts
from benchmarks.learn.result import Panel, Place, Point, Result, apart
from trimtab.curate import SEARCH_TOOL
from trimtab.model import Dialect
from trimtab.records import Case, Comparison, Example
from trimtab.stats import Interval
from trimtab.train import PreferenceConfig, RlConfig, SftConfig, train_dpo, train_rl, train_sft
from trimtab.train.grounding.pairs import names_of, support_pairs
from trimtab.train.grounding.spans import Answer, answer_rate, evidence_of, ungrounded_rate
from trimtab.train.rl import rollout
from trimtab.train.rl.rewards import GroundedCitation, UngroundedSpans, weighted

TAUGHT, PAIRED, STEPS, HELD_OUT = 96, 160, 24, 300
TEACH = SftConfig(learning_rate=1e-4, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")
PREFER = PreferenceConfig(learning_rate=2e-5, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")
PENALISE = RlConfig(
    learning_rate=2e-5,
    rows_per_step=4,
    group=8,
    max_new_tokens=48,
    beta=0.02,
    schedule="constant",
    token_budget=4096,
    checkpoint_every=100,
)
PENALTY = 0.1
"""What a token of an unsupported span costs; a wholly grounded answer earns 1."""


def run(place: Place) -> Result:
    """The rates after SFT, after support pairs on top of it, and after the penalty on top of both."""
    examples, cases = grounded(place.data)
    taught = answering_model(place, examples)
    paired = _preferred(place, taught, _pairs(examples[TAUGHT:])[:PAIRED])
    penalised = _penalised(place, paired, examples[-STEPS * PENALISE.rows_per_step :])
    stages = [_answers(folder, cases[:HELD_OUT]) for folder in (taught, paired, penalised)]
    loose, answering = _points(stages, ungrounded_rate), _points(stages, answer_rate)
    held = apart(loose[0], loose[-1]) and loose[-1].value < loose[0].value and not _fell(answering)
    panels = (
        Panel("Answers with an unsupported span", "stage", "share of claiming answers", _named(loose)),
        Panel("Answer rate", "stage", "share of all answers", _named(answering)),
    )
    claim = "Support pairs and a per-token penalty lower the ungrounded rate, intervals apart; the answer rate holds"
    return Result(claim, held, panels, {"taught": TAUGHT, "pairs": PAIRED, "rl_steps": STEPS})


def answering_model(place: Place, examples: list[Example]) -> Path:
    """π0 taught to answer from passages, by the first of the examples."""
    folder = place.work / "sft"
    train_sft(place.model, examples[:TAUGHT], TEACH, work=folder / "work", out=folder / "model")
    return folder / "model"


def _pairs(examples: list[Example]) -> list[Comparison]:
    names = names_of(examples)
    return [pair for example in examples for pair in support_pairs(example, 0, names)]


def _preferred(place: Place, start: Path, pairs: list[Comparison]) -> Path:
    folder = place.work / "dpo"
    train_dpo(start, pairs, PREFER, work=folder / "work", out=folder / "model")
    return folder / "model"


def _penalised(place: Place, start: Path, examples: list[Example]) -> Path:
    return penalised(place.work / "rl", start, examples, PENALISE)


def penalised(folder: Path, start: Path, examples: list[Example], config: RlConfig) -> Path:
    """RL on the examples' questions; KL is to ``start``."""
    prompts = [rollout.Prompt(example.messages[:-1], example.tools) for example in examples]
    spans = UngroundedSpans(Dialect.of(start))
    reward = weighted({"grounded": (1.0, GroundedCitation()), "ungrounded": (PENALTY, spans)})
    train_rl(start, prompts, reward, config, work=folder / "work", out=folder / "model")
    return folder / "model"


def _answers(folder: Path, cases: list[Case]) -> list[Answer]:
    prompts: list[Prompt] = [(case.messages, case.tools or (SEARCH_TOOL,)) for case in cases]
    said = texts(folder, answers(folder, prompts, max_tokens=64, temperature=1.0))
    return [(message.content, evidence_of(case.messages)) for message, case in zip(said, cases, strict=True)]


def _points(stages: list[list[Answer]], rate: Callable[[list[Answer]], Interval]) -> list[Point]:
    return [Point.of(stage, rate(given)) for stage, given in enumerate(stages)]


def _named(points: list[Point]) -> dict[str, tuple[Point, ...]]:
    names = ("after SFT", "and support pairs", "and the penalty")
    return {name: (point,) for name, point in zip(names, points, strict=True)}


def _fell(answering: list[Point]) -> bool:
    return apart(answering[0], answering[-1]) and answering[-1].value < answering[0].value
