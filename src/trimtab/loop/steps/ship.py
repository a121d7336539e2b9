"""Shipping: the gate's verdict, and the release with its card and its changelog."""

import json
import time
from dataclasses import replace
from typing import Any

from trimtab.engine import FLOORS
from trimtab.loop.judging import Judged, judged, without_answers
from trimtab.loop.steps.teach import ALIGNING
from trimtab.loop.turn import Context, Step
from trimtab.records import Behaviour, Release
from trimtab.release import (
    CODE_VERSION,
    CardFacts,
    GateConfig,
    HardFacts,
    Source,
    changelog,
    gate,
    get,
    model_card,
    nominate,
    register,
)


def gate_(context: Context) -> dict[str, Any]:
    """The candidate against the incumbent and π0. A blocked candidate is still registered, for inspection."""
    candidate, incumbent, base = (_judged(context, name) for name in ("candidate", "incumbent", "base"))
    severe = candidate.scorecard.metrics.get("attack_success_s1")
    facts = HardFacts(
        contaminated=context.outputs["evaluate"]["contaminated"],
        served_difference=candidate.served_difference,
        severity_1=None if severe is None else round(severe.value * severe.n),
    )
    config = floored(context.workspace.config.gate, Behaviour(**context.outputs["evaluate"]["behaviour"]).precision)
    return gate(candidate.scorecard, incumbent.scorecard, base.scorecard, config, facts).to_json()


def floored(config: GateConfig, precision: str) -> GateConfig:
    """The gate with the floor that was measured for quantised weights, unless the workspace says its own."""
    if "served_floor" in config.model_fields_set or precision not in ("int8", "int4"):
        return config
    return config.model_copy(update={"served_floor": FLOORS[precision]})


def release(context: Context) -> dict[str, Any]:
    """Register the candidate with all evidence; ``candidate`` points at it where the gate let it pass."""
    store = context.workspace.store
    made = _release(context)
    register(store, made)
    register(store, _scored_incumbent(context))
    if context.outputs["gate"]["verdict"] == "passed" and made.digest != store.aliases.get("stable"):
        nominate(store, made.digest, reason="the gate passed")
    return {"release": made.digest}


def _release(context: Context) -> Release:
    workspace, outputs = context.workspace, context.outputs
    candidate = _judged(context, "candidate")
    incumbent = get(workspace.store, outputs["evaluate"]["against"])
    made = Release(
        behaviour=Behaviour(**outputs["evaluate"]["behaviour"]),
        parents=(incumbent.digest,),
        steps=tuple(_steps(context)),
        scorecard=without_answers(candidate.scorecard).to_json(),
        gate=dict(outputs["gate"]),
        base_model=workspace.config.model,
        license=workspace.config.license,
        logprob_record=dict(candidate.logprob_record or {}),
    )
    return _documented(context, made, incumbent)


def _scored_incumbent(context: Context) -> Release:
    """The incumbent with the scorecard it got in this turn, for comparisons to come (π0 has none before)."""
    incumbent = get(context.workspace.store, context.outputs["evaluate"]["against"])
    return replace(incumbent, scorecard=without_answers(_judged(context, "incumbent").scorecard).to_json())


def _documented(context: Context, made: Release, incumbent: Release) -> Release:
    """The release with its card beside the incumbent and π0, and the changelog against the incumbent."""
    other, base = (_judged(context, name).scorecard for name in ("incumbent", "base"))
    config = context.workspace.config
    facts = CardFacts(
        name=config.name,
        intended_use="An assistant that answers from its tools and documents, inside its policy.",
        sources=_sources(context),
        known_risks=(
            "Wrong answers are possible in every action; the intervals above say how often on the sealed cases.",
            f"Drift is measured to {config.model} alone.",
            *(context.outputs["evaluate"].get("membership") or {}).get("said", ()),
        ),
        date=time.strftime("%Y-%m-%d"),
    )
    card = model_card(made, facts, other, base).readme
    return replace(made, card=card, changelog=changelog(_scored_incumbent(context), made))


def _sources(context: Context) -> list[Source]:
    folder = context.workspace.store.artefacts.path(context.outputs["curate"]["rows"])
    counts = json.loads((folder / "report.json").read_text("utf-8"))["by_source"]
    return [Source(name, rows) for name, rows in counts.items()]


def _steps(context: Context) -> list[dict[str, Any]]:
    """What each step was given and gave: enough to say which data and which training made the release."""
    config = context.workspace.config
    sections = {"curate": "data", "sft": "train.sft", **{step: f"train.{step}" for step in (*ALIGNING, "refresh")}}
    return [
        {"step": name, "config": config.section(section), "outputs": dict(context.outputs[name])}
        for name, section in sections.items()
    ]


def _judged(context: Context, name: str) -> Judged:
    found = judged(context.workspace.store, context.outputs["evaluate"][name])
    assert found is not None
    return found


GATE = Step("gate", CODE_VERSION, gate_, needs=("evaluate",), sections=("gate",))
RELEASE = Step(
    "release",
    1,
    release,
    needs=("base", "curate", "sft", *ALIGNING, "refresh", "evaluate", "gate"),
    sections=("name", "license"),
)
