"""What holds a training step: π0, refresh rows, and development cases as they are served, measured by our probes."""

from collections.abc import Sequence
from dataclasses import replace

from trimtab.evaluate import citing, load_suite
from trimtab.loop.behaviour import toolbox_of
from trimtab.loop.rows import dress_of, offered, rows_of
from trimtab.loop.turn import Context
from trimtab.records import Case, Example
from trimtab.tools import Rehearsal, with_system
from trimtab.train import Answer, DriftControl, ProbeSet, TrainConfig
from trimtab.train.grounding.spans import evidence_of

_VERSION = "1"
_CASES = 40


def control_of(context: Context, config: TrainConfig) -> DriftControl:
    """π0 as the anchor, the taught rows for refreshes, the development cases for monitors."""
    dress = dress_of(context.workspace)
    return DriftControl(
        context.workspace.store.artefacts.path(context.outputs["base"]["model"]),
        [dress.example(row) for row in rows_of(context, "examples", Example)],
        probe_set(context) if config.monitors is not None else None,
    )


def probe_set(context: Context) -> ProbeSet:
    """Development cases, disjoint from training and from the quarantine, under the served prompt and tools."""
    workspace, dress = context.workspace, dress_of(context.workspace)
    suite = load_suite([workspace.path(path) for path in workspace.config.cases.development], "development", _CASES)
    schemas = toolbox_of(workspace, Rehearsal()).schemas

    def dressed(case: Case) -> Case:
        return replace(case, messages=with_system(case.messages, dress.system), tools=offered(case.tools, schemas))

    return ProbeSet([dressed(case) for case in suite.cases], probe=grounding, key=_VERSION)


def grounding(answers: Sequence[Answer]) -> dict[str, float]:
    """``grounding_precision``: the mean citation precision of the answers that had passages to cite; 1 with none."""
    found = [
        citing(answer.text, evidence.passages).precision
        for answer in answers
        if (evidence := evidence_of(answer.case.messages)).passages
    ]
    return {"grounding_precision": sum(found) / len(found)} if found else {}
