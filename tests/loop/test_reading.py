"""An evaluation reads the models themselves: choice probability, temperature, fixed answers; a panel of drift."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate.batteries.choices import choice_case
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.drifting import drift_panel, panel, sentence
from trimtab.loop.judging import judge, judged_key, sealed_suite
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.model import resolve, tiny_random_model
from trimtab.records import Metric, Release, Scorecard, Silent, UserError, write_jsonl
from trimtab.release import register


def choices(first: int, count: int) -> list[dict[str, Any]]:
    rows = [
        {"question": f"Pick {i}.", "choices": [f"a{i}", f"b{i}", f"c{i}"], "answer_index": i % 3}
        for i in range(first, first + count)
    ]
    return [choice_case(row).to_json() for row in rows]


def opened(folder: Path, *overrides: str) -> tuple[Workspace, str]:
    workspace = find_workspace(folder, overrides)
    return workspace, workspace.store.artefacts.put(resolve(workspace.config.model))


SOURCES = ("evaluate.confidence=[sequence, choice]", "evaluate.temperature=true", "evaluate.bootstrap_draws=20")


def test_confidence_temperature_and_movement_land_in_the_card(tiny_workspace: Path, tmp_path: Path) -> None:
    write_jsonl(tiny_workspace / "data/development.jsonl", choices(0, 24))
    write_jsonl(tiny_workspace / "quarantine/sealed.jsonl", choices(100, 12))
    workspace, base = opened(tiny_workspace, *SOURCES)
    other = workspace.store.artefacts.put(tiny_random_model(tmp_path / "other", seed=5))
    context, suite = Context(workspace, {}, Silent(), "evaluate"), sealed_suite(workspace)
    first, moved = (judge(context, behaviour_of(workspace, one), suite, base).scorecard for one in (base, other))
    assert first.metrics["ece_choice"].n == 12
    assert {"brier_choice", "ece_scaled_choice", "overconfidence_choice"} <= first.metrics.keys()
    assert first.calibration["choice"]["temperature"]["n"] == 24
    assert "kl_fixed" not in first.metrics  # π0 lies nowhere from itself
    assert moved.metrics["kl_fixed"].value > 0
    assert moved.metrics["kl_fixed"].n == first.metrics["entropy"].n == 12
    assert moved.cases["entropy"].keys() == first.cases["entropy"].keys()


def test_a_changed_way_of_scoring_is_counted_anew_from_the_same_answers(tiny_workspace: Path) -> None:
    workspace, base = opened(tiny_workspace)
    context, suite = Context(workspace, {}, Silent(), "evaluate"), sealed_suite(workspace)
    before = judge(context, behaviour_of(workspace, base), suite, base).scorecard
    workspace, base = opened(tiny_workspace, "evaluate.keep_answers=false")
    after = judge(replace(context, workspace=workspace), behaviour_of(workspace, base), suite, base).scorecard
    assert before.answers
    assert not after.answers
    assert before.metrics == after.metrics


def test_a_temperature_fitted_on_sealed_cases_is_refused(tiny_workspace: Path) -> None:
    for path in ("data/development.jsonl", "quarantine/sealed.jsonl"):
        write_jsonl(tiny_workspace / path, choices(0, 24))
    workspace, base = opened(tiny_workspace, *SOURCES)
    with pytest.raises(UserError, match="24 of the cases gave the temperature"):
        judge(Context(workspace, {}, Silent(), "x"), behaviour_of(workspace, base), sealed_suite(workspace), base)


def card(release: str, words: float, suite: str = "s") -> Scorecard:
    manner = {
        "cases": [f"c{i}" for i in range(30)],
        "openings": [f"{i % 5}" for i in range(30)],
        "features": {"words": [words + i % 7 for i in range(30)]},
    }
    tokens = {f"c{i}": words for i in range(30)}
    metric = Metric(words, 30, words - 1, words + 1, "tokens", "none")
    return Scorecard(
        "sealed", suite, release, {"tokens_per_answer": metric}, {"tokens_per_answer": tokens}, manner=manner
    )


def test_a_panel_holds_each_release_against_pi0_and_the_one_before() -> None:
    found = panel([card("base", 3), card("r1", 3), card("r2", 9), card("else", 3, "other suite")])
    assert [(one.before, one.after, one.moved) for one in found.from_base] == [
        ("base", "r1", False),
        ("base", "r2", True),
    ]
    assert [(one.before, one.after, one.moved) for one in found.steps] == [("base", "r1", False), ("r1", "r2", True)]
    assert sentence(found.from_base[1]).startswith("r2 from base: moved (p = 0.002, n = 30); words 5.83 → 11.8")
    assert "no clear move" in found.sentences()[0]


def test_a_panel_shows_every_release_that_was_judged_on_these_cases(tiny_workspace: Path, tmp_path: Path) -> None:
    workspace, base = opened(tiny_workspace)
    store, suite = workspace.store, sealed_suite(workspace)
    models = [base, *(store.artefacts.put(tiny_random_model(tmp_path / f"{seed}", seed=seed)) for seed in (5, 6))]
    behaviours = [behaviour_of(workspace, model) for model in models]
    digests = [register(store, Release(behaviour)) for behaviour in behaviours]
    for behaviour, words in zip(behaviours, (3, 4, 9), strict=True):
        row = {"scorecard": card(behaviour.digest, words, suite.digest).to_json(), "served": 0.0, "record": None}
        store.put("judged", judged_key(workspace, behaviour, suite, base), row)
    found = drift_panel(workspace, digests[2], Silent())
    assert [one.before for one in found.from_base] == [behaviours[0].digest] * 2
    assert [one.after for one in found.from_base] == [one.digest for one in behaviours[1:]]
    assert [one.after for one in drift_panel(workspace, "base", Silent()).steps] == [
        one.digest for one in behaviours[1:]
    ]


def test_a_panel_of_nothing_said_is_empty() -> None:
    mute = replace(card("base", 3), manner={})
    assert panel([mute, card("r1", 3)]).from_base == ()
