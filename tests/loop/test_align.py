"""The aligning steps of a turn: thumbs, a reward model, rollouts, refreshes and monitors, all from the workspace."""

from pathlib import Path

import pytest

from trimtab.loop.steps import TURN
from trimtab.loop.turn import run_turn
from trimtab.loop.workspace import find_workspace
from trimtab.records import Silent, UserError, write_jsonl

SMALL = "rows_per_step: 2, checkpoint_every: 1, precision: float32"
ALL = (
    f"train.kto={{{SMALL}}}",
    f"train.reward={{{SMALL}, held_out: 0.25}}",
    f"train.rl={{{SMALL}, group: 2, max_new_tokens: 4, learning_rate: 1.0e-4}}",
    "train.rl_rows=2",
    "train.rl_rewards={format: 1.0, model: 0.5}",
    f"train.dpo={{{SMALL}, reference: fixed, refresh_every: 1, monitors: {{every: 2, max_new_tokens: 4}}}}",
    "data.sources=[{path: data/sft.jsonl}, {path: data/preference.jsonl}, {path: data/thumbs.jsonl}]",
)


@pytest.fixture
def thumbs(tiny_workspace: Path) -> Path:
    """The tiny workspace with thumbs both ways."""
    rows = [
        {
            "prompt": [{"role": "user", "content": f"Which brush suits {word} varnish best?"}],
            "completion": [{"role": "assistant", "content": f"A {word} one."}],
            "label": place % 2 == 0,
        }
        for place, word in enumerate(("matt", "satin", "glossy", "clear"))
    ]
    write_jsonl(tiny_workspace / "data/thumbs.jsonl", rows)
    return tiny_workspace


def test_a_turn_with_every_aligning_step_moves_the_model_at_each_and_is_watched(thumbs: Path) -> None:
    workspace = find_workspace(thumbs, ALL)
    outputs = {run.name: run.outputs for run in run_turn(workspace, TURN, Silent())}
    models = [outputs[step]["model"] for step in ("sft", "dpo", "kto", "rl", "refresh")]
    assert len(set(models)) == len(models)
    assert outputs["reward"]["rows"] == 4
    assert outputs["rl"]["rows"] == 2
    report = workspace.store.get("train_report", outputs["dpo"]["report"])
    assert report is not None
    assert any(name.startswith("monitor/") for name in report["metrics"]), sorted(report["metrics"])
    again = {run.name: run.skipped for run in run_turn(workspace, TURN, Silent())}
    assert all(again.values())


def test_a_reward_model_that_was_not_trained_is_the_users_mistake(tiny_workspace: Path) -> None:
    settings = (f"train.rl={{{SMALL}, group: 2, max_new_tokens: 4}}", "train.rl_rewards={model: 1.0}")
    with pytest.raises(UserError, match="no reward model"):
        run_turn(find_workspace(tiny_workspace, settings), TURN, Silent())
