"""What an evaluation reads from the models themselves: confidence, temperatures, and how far a release has moved."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from trimtab.engine.served import score_all
from trimtab.evaluate import Suite, Transcript, Wording, confidences, load_suite, transcribe
from trimtab.evaluate.confidence import Instrument, Pair
from trimtab.evaluate.confidence.temperature import Temperature, fit
from trimtab.evaluate.manner.positions import Asked, positions
from trimtab.evaluate.suite import is_redteam
from trimtab.evaluate.transcribe import recall
from trimtab.loop.behaviour import Arm, behaviour_of, toolbox_of
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.tools import Rehearsal

_OWN = 40
"""Cases whose own answers are held against the base model."""
_FIXED = 12
"""Cases whose fixed answers are: the prompts are among those of ``_OWN``, so that only the answers cost."""

Moved = Callable[[Mapping[str, Transcript]], Mapping[str, Mapping[str, float]]]


def instrument_of(arm: Arm) -> Instrument:
    """The release that an arm holds, to be read; without scores where its engine gives none."""
    engine = arm.engine

    def score(pairs: Sequence[Pair]) -> list[list[float]]:
        return score_all(engine, pairs)

    reads = score if engine.caps.score else None
    return Instrument(arm.chat.dialect, reads, arm.behaviour.system_prompt, arm.assistant.toolbox.schemas)


def movement(context: Context, arm: Arm, suite: Suite, base: str) -> Moved:
    """Transcripts -> KL to π0 on own and on fixed answers (π0's own, where it was judged before), and entropy."""
    workspace, store = context.workspace, context.workspace.store
    cases = sorted(suite.cases, key=lambda case: case.id)[:_OWN]
    model = arm.behaviour.model

    def moved(transcripts: Mapping[str, Transcript]) -> Mapping[str, Mapping[str, float]]:
        own = Asked(transcripts, arm.behaviour.system_prompt, arm.assistant.toolbox.schemas)
        found = positions(
            store.artefacts.path(model),
            store.artefacts.path(base),
            cases,
            own if model != base else None,
            _fixed(workspace, suite, base),
        )
        # π0 lies nowhere from itself: a constant says nothing that a gate or a reader could use.
        return {name: scores for name, scores in found.items() if model != base or name == "entropy"}

    return moved


def temperatures(context: Context, arm: Arm, wording: Wording, now: float) -> dict[str, Temperature] | None:
    """Source -> the temperature fitted on the development cases; None where the workspace asks for none."""
    workspace = context.workspace
    config = workspace.config.evaluate
    if not config.temperature:
        return None
    suite = load_suite([workspace.path(path) for path in workspace.config.cases.development], "development")
    transcripts = asyncio.run(
        transcribe(
            arm.assistant,
            suite.cases,
            config.concurrency,
            context.progress,
            now=now,
            store=workspace.store,
            behaviour=arm.behaviour.digest,
        )
    )
    return fit(confidences(config.confidence, suite.cases, transcripts, instrument_of(arm), wording), suite.name)


def _fixed(workspace: Workspace, suite: Suite, base: str) -> Asked | None:
    """π0's answers to the suite's first cases, as they were kept when it was judged."""
    behaviour = behaviour_of(workspace, base)
    cases = [case for case in sorted(suite.cases, key=lambda case: case.id)[:_OWN] if not is_redteam(case)][:_FIXED]
    known = recall(workspace.store, behaviour.digest, cases)
    found = {case.id: known[case.question] for case in cases if case.question in known}
    tools = toolbox_of(workspace, Rehearsal()).schemas
    return Asked(found, behaviour.system_prompt, tools) if found else None
