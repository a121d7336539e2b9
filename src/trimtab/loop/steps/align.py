"""Aligning: preference pairs, thumbs, a reward model, rollouts under a KL; each passes on what it is given."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trimtab.loop.rows import companions, dress_of, rows_of
from trimtab.loop.steps.teach import behaviour_files, kept
from trimtab.loop.steps.watch import control_of
from trimtab.loop.turn import Context, Step
from trimtab.model import Dialect
from trimtab.records import Comparison, Example, Unpaired, UserError, digest
from trimtab.train import RewardModel, train_dpo, train_kto, train_reward, train_rl
from trimtab.train.rl.rewards import (
    GroundedCitation,
    ModelReward,
    Reward,
    RightFormat,
    RightResult,
    RightRoute,
    UngroundedSpans,
    weighted,
)
from trimtab.train.rl.rollout import prompt_of


def dpo(context: Context) -> dict[str, Any]:
    """The preference step against the SFT checkpoint; passed through where there is no pair or no section."""
    model, train = context.outputs["sft"]["model"], context.workspace.config.train
    found = {pair.id: pair for pair in rows_of(context, "comparisons", Comparison)}
    found |= {pair.id: pair for row in rows_of(context, "examples", Example) for pair in companions(row)}
    chosen = _some("dpo", list(found), train.dpo_rows)
    if train.dpo is None or not chosen:
        return {"model": model, "rows": 0}
    dress = dress_of(context.workspace)
    pairs = [dress.pair(found[id]) for id in chosen]
    work = context.workspace.work(f"dpo-{context.key[:16]}")
    report = train_dpo(
        _folder(context, model),
        pairs,
        train.dpo,
        work=work,
        out=work / "model",
        progress=context.progress,
        control=control_of(context, train.dpo),
    )
    return kept(context, work, report, len(pairs))


def kto(context: Context) -> dict[str, Any]:
    """Learning from thumbs; passed through where there is none or no section."""
    model, train = context.outputs["dpo"]["model"], context.workspace.config.train
    found = {row.id: row for row in rows_of(context, "unpaired", Unpaired)}
    if train.kto is None or not found:
        return {"model": model, "rows": 0}
    dress = dress_of(context.workspace)
    rows = [dress.thumb(found[id]) for id in _some("kto", list(found), None)]
    work = context.workspace.work(f"kto-{context.key[:16]}")
    report = train_kto(
        _folder(context, model),
        rows,
        train.kto,
        work=work,
        out=work / "model",
        progress=context.progress,
        control=control_of(context, train.kto),
    )
    return kept(context, work, report, len(rows))


def reward(context: Context) -> dict[str, Any]:
    """A reward model on the SFT checkpoint; none where there is no section or no pair."""
    train, dress = context.workspace.config.train, dress_of(context.workspace)
    found = {pair.id: pair for pair in rows_of(context, "comparisons", Comparison)}
    if train.reward is None or not found:
        return {"rows": 0}
    pairs = [dress.pair(found[id]) for id in sorted(found)]
    work, folder = (
        context.workspace.work(f"reward-{context.key[:16]}"),
        _folder(context, context.outputs["sft"]["model"]),
    )
    report = train_reward(folder, pairs, train.reward, work=work, out=work / "model", progress=context.progress)
    return kept(context, work, report, len(pairs))


def rl(context: Context) -> dict[str, Any]:
    """Rollouts on the prompts of the taught rows, graded by the section's rewards; passed through without one."""
    model, train = context.outputs["kto"]["model"], context.workspace.config.train
    found = {row.id: row for row in rows_of(context, "examples", Example)}
    if train.rl is None or not found:
        return {"model": model, "rows": 0}
    dress = dress_of(context.workspace)
    prompts = [prompt_of(dress.example(found[id])) for id in _some("rl", list(found), train.rl_rows)]
    work, folder = context.workspace.work(f"rl-{context.key[:16]}"), _folder(context, model)
    report = train_rl(
        folder,
        prompts,
        _rewards(context, folder),
        train.rl,
        work=work,
        out=work / "model",
        progress=context.progress,
        control=control_of(context, train.rl),
    )
    return kept(context, work, report, len(prompts))


def _rewards(context: Context, folder: Path) -> Reward:
    """The weighted sum that ``train.rl_rewards`` names. Raises UserError where it names a reward model without one."""
    dialect, judge = Dialect.of(folder), context.outputs["reward"].get("model")
    known: dict[str, Callable[[], Reward]] = {
        "route": RightRoute,
        "result": RightResult,
        "format": RightFormat,
        "grounded": GroundedCitation,
        "spans": lambda: UngroundedSpans(dialect),
        "model": lambda: ModelReward(RewardModel(_folder(context, _given(judge)))),
    }
    terms = context.workspace.config.train.rl_rewards
    return weighted({name: (weight, known[name]()) for name, weight in terms.items()})


def _given(judge: Any) -> str:
    if not isinstance(judge, str):
        raise UserError("no reward model was trained", field="train.rl_rewards.model", fix="Add a train.reward section")
    return judge


def _some(step: str, ids: Sequence[str], most: int | None) -> list[str]:
    """At most ``most`` ids, in an order that is the step's own and never changes."""
    return sorted(ids, key=lambda id: digest([step, id]))[:most]


def _folder(context: Context, model: str) -> Path:
    return context.workspace.store.artefacts.path(model)


_ROWS = ("curate", "anchor")
DPO = Step("dpo", 2, dpo, ("base", "sft", *_ROWS), ("train.dpo", "train.dpo_rows", "cases"), behaviour_files)
KTO = Step("kto", 1, kto, ("base", "dpo", *_ROWS), ("train.kto", "cases"), behaviour_files)
REWARD = Step("reward", 1, reward, ("sft", *_ROWS), ("train.reward",), behaviour_files)
RL = Step(
    "rl",
    1,
    rl,
    ("base", "kto", "reward", *_ROWS),
    ("train.rl", "train.rl_rows", "train.rl_rewards", "cases"),
    behaviour_files,
)
