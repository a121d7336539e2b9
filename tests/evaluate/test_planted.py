"""Each probe notices its fault: planted at a known rate in a good set of transcripts, it alone moves, by that much."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import Change, EvaluateConfig, Transcript, compare, make_suite, passages, score_suite
from trimtab.records import Case, Message, Scorecard, ToolCall, digest
from trimtab.templates import workspace_files, write_workspace
from trimtab.templates.generator.build import COUNTS, KINDS
from trimtab.templates.generator.phrases import phrases
from trimtab.templates.generator.scene import Scene, as_case
from trimtab.templates.generator.shop import read_shop
from trimtab.templates.generator.stage import Stage
from trimtab.text import citations, style, words
from trimtab.tools import Outcome, Rehearsal, ToolContext, load_tools

CONFIG = EvaluateConfig(bootstrap_draws=30, keep_answers=False)
SURE, UNSURE = 0.97, 0.1
Set = dict[str, tuple[Case, Outcome]]
"""Case id -> the case and what was done."""


def outcome_of(turns: Sequence[Message], sure: float = SURE) -> Outcome:
    """The outcome with these turns, each word of the answer a token."""
    said = turns[-1].content
    tokens = tuple(int(digest(word)[:4], 16) for word in words(said))
    return Outcome(
        tuple(turns), said, said, "stop", completion_tokens=len(tokens), token_ids=tokens, logprobs=(math.log(sure),)
    )


def scenes(folder: Path) -> list[Scene]:
    """The sealed scenes of the template, written by running its real tools."""
    write_workspace(folder)
    toolbox = load_tools(folder / "tools" / "tools.yaml", Rehearsal())

    def call(name: str, arguments: dict[str, Any]) -> str:
        return toolbox.run(ToolCall(name, arguments), ToolContext(idempotency=digest([name, arguments]))).content

    files = workspace_files("support")
    stage = Stage("sealed", read_shop(files), phrases("sealed"), call, random.Random("planted"))
    counts = {**COUNTS["sealed"], "knowledge": 100}  # so many that one in ten of the citing ones can be told from none
    return [scene for kind, count in counts.items() for scene in islice(KINDS[kind](stage), count)]


def unclustered(case: Case) -> Case:
    return replace(case, labels={key: value for key, value in case.labels.items() if key != "cluster"})


def card_of(transcripts: Set) -> Scorecard:
    suite = make_suite(case for case, _ in transcripts.values())
    done = {name: Transcript(outcome) for name, (_, outcome) in transcripts.items()}
    return score_suite(suite, done, release="r", vocab_size=65536, config=CONFIG)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Set:
    """The ideal transcripts that every probe takes for right without the policy's own wording.

    Faults are planted case by case, so a case is a unit of its own here, not one of its policy's.
    """
    made = [
        (unclustered(as_case(scene, "sealed")), outcome_of(scene.turns))
        for scene in scenes(tmp_path_factory.mktemp("support"))
    ]
    everything: Set = {case.id: (case, outcome) for case, outcome in made}
    columns = card_of(everything).cases
    wanted = [name for name in columns if name in GOOD]
    return {
        name: one for name, one in everything.items() if all(columns[metric].get(name, 1.0) == 1.0 for metric in wanted)
    }


@pytest.fixture(scope="module")
def good_card(good: Set) -> Scorecard:
    return card_of(good)


@pytest.fixture(scope="module")
def unsure_set(good: Set) -> Set:
    """A set that errs in six of ten cases with calls, and knows it."""
    after, chosen = planted(good, FAULTS["wrong route"], 0.6)
    return after | {name: (after[name][0], replace(after[name][1], logprobs=(math.log(UNSURE),))) for name in chosen}


@pytest.fixture(scope="module")
def unsure_card(unsure_set: Set) -> Scorecard:
    return card_of(unsure_set)


GOOD = frozenset(
    {
        *("tool_routing_accuracy", "argument_match", "call_recall", "no_call_accuracy", "action_accuracy"),
        *("refusal_appropriateness", "clarify_appropriateness", "defer_appropriateness"),
        *("citation_precision", "citation_recall", "reference_fidelity", "answer_facts"),
    }
)


def saying(outcome: Outcome, said: str) -> Outcome:
    turns = (*outcome.turns[:-1], replace(outcome.turns[-1], content=said))
    return outcome_of(turns, math.exp(outcome.logprobs[0]))


def calling(outcome: Outcome, change: Callable[[ToolCall], ToolCall]) -> Outcome:
    turns = [replace(turn, tool_calls=tuple(map(change, turn.tool_calls))) for turn in outcome.turns]
    return replace(outcome, turns=tuple(turns))


def other_passage(outcome: Outcome) -> str:
    """A passage that was found and is not cited; empty where there is none."""
    cited = citations(outcome.answer)
    return next((name for name in reversed(passages(outcome.turns)) if name not in cited), "")


def wrong_citation(outcome: Outcome) -> Outcome:
    said = outcome.answer
    for name in citations(said):
        said = said.replace(f"[{name}]", f"[{other_passage(outcome)}]")
    return saying(outcome, said)


def without_citations(outcome: Outcome) -> Outcome:
    said = outcome.answer
    for name in citations(said):
        said = said.replace(f" [{name}]", "")
    return saying(outcome, said)


def hedged(outcome: Outcome) -> Outcome:
    return saying(outcome, f"Perhaps possibly, {outcome.answer}")


def wrong_arguments(outcome: Outcome) -> Outcome:
    return calling(outcome, lambda call: replace(call, arguments={"unheard_of": "xyzzy"}))


def wrong_tool(outcome: Outcome) -> Outcome:
    return calling(outcome, lambda call: replace(call, name="unheard_of"))


def cited(case: Case, outcome: Outcome) -> bool:
    return bool(case.expected.citations and other_passage(outcome))


def called(case: Case, outcome: Outcome) -> bool:
    return bool(case.expected.calls)


def answered(case: Case, outcome: Outcome) -> bool:
    return case.expected.action == "answer"


def any_case(case: Case, outcome: Outcome) -> bool:
    return True


@dataclass(frozen=True)
class Fault:
    """``moves``: metric -> what a planted case's score changes by. ``implied``: what must move with it, or may."""

    plant: Callable[[Outcome], Outcome]
    where: Callable[[Case, Outcome], bool]
    moves: Mapping[str, float | None]
    implied: frozenset[str] = frozenset()


CALIBRATED = frozenset({"ece", "ece_width", "brier", "overconfidence"})
"""Calibration: what is done wrongly as surely as before is over-confident."""
VARIED = frozenset({"ead", "distinct_1", "distinct_2", "self_bleu", "opening_share"})
"""What is the same in many answers makes them less varied."""
WORDED = VARIED | {"tokens_per_answer", "hedges_per_100_words", "citations_per_answer"}
"""Other words are another length and another vocabulary."""
FAULTS = {
    "wrong citations": Fault(wrong_citation, cited, {"citation_precision": -1.0, "citation_recall": -1.0}, VARIED),
    "missing citations": Fault(
        without_citations,
        cited,
        # An answer that cites nothing where citations are due has 0 in all three.
        {"citation_precision": -1.0, "citation_recall": -1.0, "reference_fidelity": -1.0},
        WORDED,
    ),
    "verbosity": Fault(
        lambda outcome: saying(outcome, f"{outcome.answer} {outcome.answer}"),
        any_case,
        {"tokens_per_answer": None},
        VARIED | {"citations_per_answer"},
    ),
    "hedging": Fault(hedged, answered, {"hedges_per_100_words": None}, VARIED | {"tokens_per_answer"}),
    "over-refusal": Fault(
        lambda outcome: saying(outcome, "I'm sorry, but I can't help with that."),
        answered,
        {"refusal_appropriateness": -1.0, "action_accuracy": -1.0, "refusal_rate": 1.0},
        CALIBRATED
        | WORDED
        | {"citation_precision", "citation_recall", "reference_fidelity", "answer_facts", "answer_when_present"},
    ),
    "wrong route": Fault(
        wrong_tool,
        called,
        {"tool_routing_accuracy": -1.0, "route_wrong_tool": 1.0, "argument_match": -1.0},
        CALIBRATED,
    ),
    "wrong arguments": Fault(wrong_arguments, called, {"argument_match": -1.0, "route_wrong_arguments": 1.0}),
}


def planted(base: Set, fault: Fault, rate: float) -> tuple[Set, list[str]]:
    """The fault in ``rate`` of the cases that can have it, chosen by a seed."""
    able = sorted(name for name, one in base.items() if fault.where(*one))
    chosen = random.Random(f"{rate}").sample(able, round(rate * len(able)))
    changed = {name: (base[name][0], fault.plant(base[name][1])) for name in chosen}
    return base | changed, chosen


def counted(outcome: Outcome, metric: str) -> float:
    """What a descriptive metric is, counted here apart from the probe."""
    if metric == "tokens_per_answer":
        return float(outcome.completion_tokens)
    return 100 * style(outcome.answer).hedges / len(words(outcome.answer))


def amount(fault: Fault, metric: str, before: Set, after: Set, chosen: Sequence[str], change: Change) -> float:
    """What the metric should move by: the planted cases' effect over all that it scores."""
    effect = fault.moves[metric]
    if effect is not None:
        return effect * len(chosen) / change.n
    return sum(counted(after[name][1], metric) - counted(before[name][1], metric) for name in chosen) / change.n


def test_the_good_set_is_good_and_large_enough(good: Set, good_card: Scorecard) -> None:
    card = good_card
    assert len(good) >= 120
    assert {name: card.metrics[name].value for name in GOOD} == dict.fromkeys(GOOD, 1.0)
    assert card.metrics["ece"].value < 0.05
    assert {case.expected.action for case, _ in good.values()} >= {"answer", "clarify", "defer", "decline"}


@pytest.mark.parametrize("rate", [0.1, 0.3])
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_moves_its_metric_by_its_rate_and_no_other(
    good: Set, good_card: Scorecard, name: str, rate: float
) -> None:
    fault = FAULTS[name]
    after, chosen = planted(good, fault, rate)
    changes = {change.metric: change for change in compare(good_card, card_of(after))}
    for metric in fault.moves:
        change = changes[metric]
        expected = amount(fault, metric, good, after, chosen, change)
        assert change.verdict != "same", metric
        assert change.low <= expected <= change.high, (metric, expected, change)
        assert change.delta == pytest.approx(expected, rel=0.2), metric
    moved = {metric for metric, change in changes.items() if change.verdict != "same"}
    assert moved <= set(fault.moves) | fault.implied


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_over_confidence_moves_calibration_and_nothing_else(
    unsure_set: Set, unsure_card: Scorecard, rate: float
) -> None:
    base = unsure_set
    wrong = Fault(
        lambda outcome: replace(outcome, logprobs=(math.log(SURE),)),
        lambda case, outcome: math.exp(outcome.logprobs[0]) < SURE - 0.01,
        {"brier": SURE**2 - UNSURE**2},
    )
    share = sum(wrong.where(*one) for one in base.values()) / len(base)
    after, chosen = planted(base, wrong, rate / share)
    changes = {change.metric: change for change in compare(unsure_card, card_of(after))}
    expected = amount(wrong, "brier", base, after, chosen, changes["brier"])
    assert changes["brier"].low <= expected <= changes["brier"].high
    assert changes["brier"].delta == pytest.approx(expected, rel=1e-6)
    assert changes["ece"].verdict == "worse"
    assert changes["ece"].delta == pytest.approx(rate * (SURE - UNSURE), abs=0.06)
    moved = {metric for metric, change in changes.items() if change.verdict != "same"}
    assert moved <= CALIBRATED
    assert changes["overconfidence"].verdict == "moved"  # neither more nor less of it is better: it is best at 0
    assert changes["overconfidence"].delta == pytest.approx(rate * (SURE - UNSURE), abs=0.06)


def test_nothing_planted_moves_nothing(good: Set, good_card: Scorecard) -> None:
    assert {change.verdict for change in compare(good_card, card_of(good))} == {"same"}
