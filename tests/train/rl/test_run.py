"""A run samples from its own weights, raises its reward, stays where its anchor holds it, and resumes bit for bit."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.test_loop import KillAt, Killed

from trimtab.model import load
from trimtab.records import Message, UserError
from trimtab.train import RlConfig, train_rl
from trimtab.train.config import LoraConfig
from trimtab.train.drift.control import DriftControl
from trimtab.train.processes.world import launch
from trimtab.train.rl import run as module
from trimtab.train.rl.rollout import Completion, Prompt, RolloutFiles
from trimtab.train.rl.run import open_rl, rl_step

PROMPTS = [Prompt((Message("user", f"Say something about {word}."),)) for word in ("tea", "cups", "rice", "salt")]
CONFIG = RlConfig(
    group=4,
    max_new_tokens=6,
    rows_per_step=2,
    epochs=2,
    learning_rate=3e-3,
    precision="float32",
    beta=0.05,
    checkpoint_every=1,
    warmup=0,
)


def low_tokens(prompt: Prompt, completions: Sequence[Completion]) -> list[float]:
    """The share of tokens with small ids: something a tiny random model can learn to say."""
    return [float(np.mean([token < 60 for token in completion.token_ids])) for completion in completions]


def changed(**changes: Any) -> RlConfig:
    return RlConfig(**{**CONFIG.model_dump(), **changes})


def run(folder: Path, place: Path, config: RlConfig = CONFIG, **more: Any) -> list[dict[str, float]]:
    """A run's log."""
    train_rl(folder, PROMPTS, low_tokens, config, work=place / "work", out=place / "out", **more)
    return [json.loads(line) for line in (place / "work" / "metrics.jsonl").read_text().splitlines()]


def measured(log: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: line[name] for name in line if "seconds" not in name} for line in log]


def weights(folder: Path) -> list[torch.Tensor]:
    model: Any = load(folder)
    return list(model.parameters())


def same(a: Path, b: Path) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_the_reward_rises_and_the_anchor_holds(folder: Path, tmp_path: Path) -> None:
    long = changed(epochs=24, rows_per_step=4, group=8, checkpoint_every=50, kl="gradient")
    free = run(folder, tmp_path / "free", long.model_copy(update={"beta": 0.001}))
    held = run(folder, tmp_path / "held", long.model_copy(update={"beta": 5.0}))
    first = np.mean([line["reward"] for line in free[:3]])
    assert np.mean([line["reward"] for line in free[-3:]]) > first + 0.15
    assert np.mean([line["kl"] for line in held[-3:]]) < 0.3 * np.mean([line["kl"] for line in free[-3:]])


def test_at_first_the_policy_is_its_reference_to_the_last_bit(folder: Path, tmp_path: Path) -> None:
    opened = open_rl(folder, PROMPTS, low_tokens, CONFIG, work=tmp_path)
    for batch in opened.course.batches(0):
        assert batch.reference_logp is not None
        with torch.no_grad():
            assert torch.equal(opened.score(batch).logp, batch.reference_logp.float())
    assert rl_step(opened, 0)["kl"] == 0.0


def test_a_prompt_is_computed_once_for_its_group(folder: Path, tmp_path: Path) -> None:
    line = rl_step(open_rl(folder, PROMPTS, low_tokens, CONFIG, work=tmp_path), 0)
    assert line["tokens_processed"] < line["tokens_real"] / 2


def test_shared_and_unshared_forests_move_alike(folder: Path, tmp_path: Path) -> None:
    config = changed(precision="float64", kl="gradient", token_budget=40)
    moved = []
    for share in (True, False):
        opened = open_rl(folder, PROMPTS, low_tokens, config, work=tmp_path / "same")
        course = replace(opened.course, share=share)
        line = rl_step(replace(opened, course=course), 0)
        moved.append((line["loss"], line["grad_norm"], line["tokens_processed"]))
    assert moved[0][:2] == pytest.approx(moved[1][:2], rel=1e-4, abs=1e-6)
    assert moved[0][2] < moved[1][2]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize(
    ("changes", "at", "lost"),
    [
        ({}, 3, False),
        ({}, 3, True),
        ({"reuse": 3, "kl_target": 0.5, "checkpoint_every": 2, "epochs": 1}, 3, False),
        ({"reference": "every", "reference_every": 2}, 4, True),
        ({"lora": LoraConfig(rank=4), "advantage": "grpo"}, 3, False),
    ],
    ids=["rollouts kept", "rollouts sampled again", "rollouts in use", "moving reference", "lora"],
)
def test_a_killed_run_writes_the_same_bits(
    folder: Path, tmp_path: Path, changes: dict[str, Any], at: int, lost: bool
) -> None:
    config = changed(**changes)
    whole = run(folder, tmp_path / "whole", config)
    with pytest.raises(Killed):
        run(folder, tmp_path / "cut", config, progress=KillAt(at))
    if lost:
        for file in (tmp_path / "cut" / "work" / "rollouts").iterdir():
            file.unlink()
    resumed = run(folder, tmp_path / "cut", config)
    assert measured(resumed) == measured(whole)
    assert same(tmp_path / "whole" / "out", tmp_path / "cut" / "out")


def test_rollouts_are_reused_as_they_were(folder: Path, tmp_path: Path) -> None:
    log = run(folder, tmp_path, changed(reuse=2))
    assert [line["reward"] for line in log[::2]] == [line["reward"] for line in log[1::2]]
    assert all(line["clipped"] == 0.0 for line in log[::2])
    assert any(line["clipped"] > 0.0 for line in log[1::2])
    assert len(list((tmp_path / "work" / "rollouts").iterdir())) == 4


def test_lost_rollouts_that_are_in_use_stop_the_run(folder: Path, tmp_path: Path) -> None:
    opened = open_rl(folder, PROMPTS, low_tokens, changed(reuse=2), work=tmp_path)
    log = [rl_step(opened, 0)]
    opened.course.files.path(0).unlink()
    opened.course.latest.number = -1
    with pytest.raises(UserError, match="gone"):
        rl_step(opened, 1, log)


def test_other_runs_rollouts_are_not_taken(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "a")
    run(folder, tmp_path / "a", changed(seed=1))
    run(folder, tmp_path / "b", changed(seed=1))
    assert same(tmp_path / "a" / "out", tmp_path / "b" / "out")


def test_each_step_samples_anew_from_the_weights_of_then(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path)
    files = RolloutFiles(tmp_path / "work" / "rollouts")
    head = next(iter(sorted((tmp_path / "work" / "rollouts").iterdir())))
    assert head.name == "step-00000000.jsonl.gz"
    sets = [files.read(number, _identity(files, number)) for number in range(4)]
    texts = [sorted(c.text for g in one for c in g.completions) for one in sets if one is not None]
    assert len({tuple(text) for text in texts}) == 4
    assert sorted(chain(*([g.number for g in one] for one in sets[:2] if one is not None))) == [0, 1, 2, 3]


def _identity(files: RolloutFiles, number: int) -> str:
    import gzip

    return str(json.loads(gzip.decompress(files.path(number).read_bytes()).split(b"\n")[0])["run"])


def test_beta_follows_its_target_and_is_logged(folder: Path, tmp_path: Path) -> None:
    log = run(folder, tmp_path, changed(kl_target=1e-3, beta=0.1))
    assert log[0]["beta"] == pytest.approx(0.1)
    assert log[1]["beta"] == pytest.approx(0.098)
    assert log[2]["beta"] == pytest.approx(0.098 * 1.02)


def test_without_an_anchor_no_reference_is_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_reference", lambda *_: pytest.fail("opened"))
    line = rl_step(open_rl(folder, PROMPTS, low_tokens, changed(beta=0, entropy=True), work=tmp_path), 0)
    assert "kl" not in line
    assert line["entropy"] > 0


def test_the_reference_may_be_another_model_or_move(folder: Path, tmp_path: Path) -> None:
    from trimtab.model import tiny_random_model

    other = tiny_random_model(tmp_path / "other", seed=1, tokenizer_from=folder)
    opened = open_rl(folder, PROMPTS, low_tokens, CONFIG, work=tmp_path / "work", reference_folder=other)
    assert rl_step(opened, 0)["kl"] > 0.1
    moving = run(folder, tmp_path / "moving", changed(reference="every", reference_every=2))
    assert [line["kl"] == 0.0 for line in moving] == [True, False, True, False]
    fixed = run(folder, tmp_path / "fixed", changed(reference="fixed"), control=DriftControl(anchor_folder=other))
    assert fixed[0]["kl"] > 0.1


def test_prompts_that_do_not_fit_are_named(folder: Path, tmp_path: Path) -> None:
    prompts = [*PROMPTS, Prompt((Message("user", "long " * 60),))]
    with pytest.raises(UserError, match="prompt 5"):
        open_rl(folder, prompts, low_tokens, changed(max_tokens=60), work=tmp_path)
    opened = open_rl(folder, prompts, low_tokens, changed(max_tokens=60, bad_rows="drop"), work=tmp_path)
    assert len(opened.course.asked) == 4
    assert "dropped prompt 5" in opened.notes[0]
    with pytest.raises(UserError, match="no prompt"):
        open_rl(folder, [], low_tokens, CONFIG, work=tmp_path)


def test_a_finished_run_returns_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, tmp_path)
    monkeypatch.setattr(module, "_open", lambda *_: pytest.fail("trained again"))
    run(folder, tmp_path)


def test_the_report_tells_rewards_and_cut_off_answers(folder: Path, tmp_path: Path) -> None:
    report = train_rl(folder, PROMPTS, low_tokens, CONFIG, work=tmp_path / "work", out=tmp_path / "out")
    assert {"reward", "kl", "kl_token", "length", "cut_off", "clipped", "beta"} <= set(report.metrics)
    assert report.notes == ()


def test_two_processes_sample_and_learn_what_one_does(folder: Path, tmp_path: Path) -> None:
    from tests.train.rl.processes import run as one_run

    shutil.copytree(folder, tmp_path / "model")
    assert launch(2, "tests.train.rl.processes", [str(tmp_path)]) == 0
    alone = one_run(tmp_path, "one")
    rollouts = []
    for name in ("one", "two"):
        files = RolloutFiles(tmp_path / name / "rollouts")
        rollouts.append([files.read(number, _identity(files, number)) for number in range(2)])
    for one, two in zip(*rollouts, strict=True):
        assert one is not None
        assert two is not None
        assert [[c.token_ids for c in g.completions] for g in one] == [
            [c.token_ids for c in g.completions] for g in two
        ]
    both = json.loads((tmp_path / "two" / "report.json").read_text())["report"]["losses"]
    assert both == pytest.approx(alone.losses, abs=1e-4)
    for a, b in zip(weights(tmp_path / "one-out"), weights(tmp_path / "two-out"), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
