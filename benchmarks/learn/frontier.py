"""Reward against KL for five β: how far a policy moves for what it earns, J(π) = E[r] − β KL(π‖π0)."""

from pathlib import Path

from benchmarks.learn.data import grounded
from benchmarks.learn.grounding import PENALISE, answering_model, penalised
from benchmarks.learn.measure import Prompt, answers, kl, texts
from benchmarks.learn.result import Panel, Place, Point, Result, Series
from trimtab.curate import SEARCH_TOOL
from trimtab.records import Case, Message
from trimtab.stats import Interval, wilson
from trimtab.train.rl import rollout
from trimtab.train.rl.rewards import GroundedCitation
from trimtab.train.rl.rollout import Completion

BETAS = (0.003, 0.03, 0.1, 0.3, 1.0)
STEPS, HELD_OUT = 10, 200


def run(place: Place) -> Result:
    """Held-out share of wholly grounded answers and KL to the start after ten steps of RLOO, for each β."""
    examples, cases = grounded(place.data)
    start = answering_model(Place(place.data, place.model, place.work.parent / "grounding"), examples)
    asked, questions = cases[:HELD_OUT], examples[-STEPS * PENALISE.rows_per_step :]
    reward: dict[str, Series] = {}
    drift: list[Point] = []
    for beta in BETAS:
        config = PENALISE.model_copy(update={"beta": beta})
        moved, right = _measured(penalised(place.work / f"beta-{beta}", start, questions, config), start, asked)
        reward[f"β = {beta:g}"] = (Point.of(moved.value, right),)
        drift.append(Point.of(beta, moved))
    before = _measured(start, start, asked)[1]
    panels = (
        Panel("Reward against KL, a point for each β", "KL to the start, nats a token", "grounded answers", reward),
        Panel("KL by β", "β", "KL to the start, nats a token", {"RLOO": tuple(drift)}),
    )
    held = drift[-1].high < drift[0].low
    claim = "A larger β holds the policy nearer to its start, intervals apart between the ends"
    return Result(claim, held, panels, {"start": [before.value, before.low, before.high]})


def _measured(folder: Path, start: Path, cases: list[Case]) -> tuple[Interval, Interval]:
    """KL to the start on the policy's own sampled answers, and the share of them that is wholly grounded."""
    prompts: list[Prompt] = [(case.messages, case.tools or (SEARCH_TOOL,)) for case in cases]
    said = answers(folder, prompts, max_tokens=PENALISE.max_new_tokens, temperature=1.0)
    right = [_is_grounded(message, case) for message, case in zip(texts(folder, said), cases, strict=True)]
    return kl(folder, start, prompts, said), wilson(sum(right), len(right))


def _is_grounded(message: Message, case: Case) -> bool:
    """What the reward asks, of a held-out answer."""
    completion = Completion(message.content, message, (), "stop")
    return bool(GroundedCitation().one(rollout.Prompt(case.messages), completion))
