"""A scorecard is found again only where it would be scored in the same way."""

from pathlib import Path

import pytest

from trimtab.loop.judging import evaluating, key_of
from trimtab.loop.workspace import find_workspace
from trimtab.records import Behaviour, UserError

BEHAVIOUR = Behaviour("model", "template", "Be brief.")


def key(root: Path, *overrides: str) -> str:
    return key_of(find_workspace(root, overrides), BEHAVIOUR, "suite", "base")


def test_another_way_of_scoring_is_another_key_and_speed_is_none(tiny_workspace: Path) -> None:
    plain = key(tiny_workspace)
    assert plain == key(tiny_workspace, "evaluate.concurrency=2")
    keys = {
        plain,
        key(tiny_workspace, "evaluate.level=0.9"),
        key(tiny_workspace, "evaluate.bins=5"),
        key(tiny_workspace, "evaluate.entailment={endpoint: http://judge.test/v1, model: m}"),
        key(tiny_workspace, "evaluate.entailment={folder: judge}"),
    }
    assert len(keys) == 5


def test_a_judges_folder_is_the_workspaces(tiny_workspace: Path) -> None:
    workspace = find_workspace(tiny_workspace, ("evaluate.entailment={folder: judge}",))
    with pytest.raises(UserError, match="no such file or folder"):
        evaluating(workspace)
    (tiny_workspace / "judge").mkdir()
    judge = evaluating(workspace).entailment
    assert judge is not None
    assert judge.folder == tiny_workspace / "judge"
