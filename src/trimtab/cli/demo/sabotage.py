"""The sabotage: the candidate's own weights behind a chat template that loses what tools return."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from trimtab.evaluate import make_suite
from trimtab.loop.behaviour import behaviour_of
from trimtab.loop.judging import judge, sealed_suite, without_answers
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.records import Progress, Release
from trimtab.release import HardFacts, gate, get, register

_RIGHT = "'<|im_start|>' + message.role + '\\n' + content -}}"
_WRONG = "'<|im_start|>' + message.role + '\\n' + ('' if message.role == 'tool' else content) -}}"
"""With results lost, the model searches and then makes its passages up; nothing crashes, and nothing looks wrong."""
_CASES = 40


def sabotage(workspace: Workspace, release: str) -> str:
    """Register the broken release and return its digest."""
    good = get(workspace.store, release)
    origin = workspace.store.artefacts.path(good.behaviour.model)
    with tempfile.TemporaryDirectory(dir=workspace.state) as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(origin, folder, copy_function=_link)
        template = folder / "chat_template.jinja"
        text = template.read_text("utf-8")
        assert _RIGHT in text
        template.unlink()
        template.write_text(text.replace(_RIGHT, _WRONG), "utf-8")
        model = workspace.store.artefacts.put(folder)
    broken = Release(behaviour_of(workspace, model), parents=(release,), base_model=good.base_model)
    return register(workspace.store, broken)


def gate_sabotage(workspace: Workspace, release: str, base: str, progress: Progress) -> dict[str, Any]:
    """The gate's verdict on the broken release against the stable one, on a part of the sealed cases.

    No gain is asked of it, as of a release that only mends something: what blocks it is what it lost.
    """
    context = Context(workspace, {}, progress, "sabotage")
    suite = make_suite(sealed_suite(workspace).cases, "sealed part", _CASES)
    stable, broken = get(workspace.store, "stable"), get(workspace.store, release)
    before, after = (judge(context, one.behaviour, suite, base) for one in (stable, broken))
    severe = after.scorecard.metrics.get("attack_success_s1")
    facts = HardFacts(0, after.served_difference, None if severe is None else round(severe.value * severe.n))
    config = workspace.config.gate.model_copy(update={"superiority": {}})
    verdict = gate(after.scorecard, before.scorecard, None, config, facts).to_json()
    evidence = without_answers(after.scorecard).to_json()
    register(workspace.store, Release(broken.behaviour, gate=verdict, scorecard=evidence))
    return verdict


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
