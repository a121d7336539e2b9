"""A release on a battery or on a file of cases alone: what the workspace gives to make them, and the scorecard kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trimtab.evaluate import import_file, make_battery, make_suite, notes
from trimtab.loop.judging import judge
from trimtab.loop.material import material_of
from trimtab.loop.scored import keep
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.records import Case, Progress, Scorecard, UserError
from trimtab.release import get

DEFAULT_CASES = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A battery by name, and how many of its cases."""

    name: str
    count: int = DEFAULT_CASES


@dataclass(frozen=True, slots=True)
class Answered:
    """A suite's scorecard, and what was left out of it beforehand."""

    scorecard: Scorecard
    notes: tuple[str, ...] = ()


def asked_from(text: str) -> Asked:
    """``NAME`` or ``NAME:N``. Raises UserError where N is no whole number from 1."""
    name, colon, count = text.partition(":")
    if not colon:
        return Asked(name)
    if not (count.isascii() and count.isdigit() and int(count) >= 1):
        raise UserError(f"{count!r} is no number of cases", field="--battery", expected="NAME or NAME:N, N from 1")
    return Asked(name, int(count))


def judge_batteries(
    workspace: Workspace, which: str, asked: Sequence[Asked], seed: int, progress: Progress
) -> list[Answered]:
    """A registered release on each battery alone; every scorecard is kept. Raises UserError before any is asked."""
    release = get(workspace.store, which)
    material = material_of(workspace, workspace.store.artefacts.path(release.behaviour.model))
    suites = [(one.name, make_battery(one.name, one.count, seed, material)) for one in asked]
    named = [(f"{name}:{len(cases)}@{seed}", cases, notes(name, material)) for name, cases in suites]
    return [_judged(workspace, which, name, cases, said, progress) for name, cases, said in named]


def judge_cases(workspace: Workspace, which: str, path: Path, progress: Progress) -> Answered:
    """A registered release on the user's own case file, or on a known benchmark's rows; the scorecard is kept."""
    found = import_file(path)
    left = f"{found.left_out} rows of {found.form} left out: no answer that can be checked, or there twice"
    return _judged(workspace, which, f"cases:{path.name}", found.cases, [left] if found.left_out else [], progress)


def _judged(
    workspace: Workspace, which: str, name: str, cases: Sequence[Case], said: Sequence[str], progress: Progress
) -> Answered:
    context = Context(workspace, {}, progress, "evaluate")
    suite = make_suite(cases, name, workspace.config.evaluate.limit)
    scorecard = judge(context, get(workspace.store, which).behaviour, suite, base=None).scorecard
    scorecard = replace(scorecard, suite=name)  # known answers of the same cases may have had another name
    keep(workspace.store, scorecard)
    return Answered(scorecard, tuple(said))
