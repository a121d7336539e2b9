"""Preferences in, a reward model out, with its accuracy and calibration on prompts that it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trimtab.model import Dialect, load_reward, reward_lora
from trimtab.records import Comparison, Progress, Ranked, Silent, UserError, digest
from trimtab.stats import Interval, bootstrap_interval, brier, ece, expected_ece, mean_interval
from trimtab.train.checkpoint import Checkpoints
from trimtab.train.config import RewardConfig, TrainReport
from trimtab.train.course import RowsCourse, group_importance
from trimtab.train.forest.batch import Group
from trimtab.train.forest.precision import Precision, narrow, precision
from trimtab.train.forest.score import Chosen, choose_reward_scorer
from trimtab.train.job import Fitted, Job, complete
from trimtab.train.loop import train
from trimtab.train.objectives.reward import bradley_terry, preferred
from trimtab.train.processes.sharding import join, spread
from trimtab.train.reward.model import Ends, RewardModel, values
from trimtab.train.rows import groups_of, preference_group, signal

__all__ = ["RewardModel", "train_reward"]

Preference = Comparison | Ranked
Floats = npt.NDArray[np.float64]
_DRAWS = 1000


def train_reward(
    model_folder: Path,
    rows: Sequence[Preference],
    config: RewardConfig,
    *,
    work: Path,
    out: Path,
    progress: Progress | None = None,
) -> TrainReport:
    """Teaches a scalar head and its backbone what people prefer, and writes the reward model to ``out``.

    ``out`` is what transformers' ``AutoModelForSequenceClassification`` loads. ``config.held_out`` of the prompts are
    kept apart; on them the report has ``reward_accuracy`` (Wilson), ``reward_ece`` and ``reward_brier`` (bootstrap),
    each with ``_low`` and ``_high``, over ``reward_pairs`` pairs. A killed run called again with the same arguments
    goes on bit for bit. Raises UserError.
    """
    job = Job(model_folder, config, work, out, progress or Silent())
    job.check("reward")
    dialect, numbers = Dialect.of(model_folder), precision(config.precision)
    identity = job.identity(precision=numbers.name, dialect=dialect.digest, rows=[signal(row) for row in rows])
    return complete(job, identity, lambda checkpoints: _fit(job, config, rows, dialect, numbers, checkpoints))


def prompt_key(row: Preference) -> str:
    """Digest of the prompt's messages: rows of one prompt are never on both sides of the split."""
    return digest([message.to_json() for message in row.prompt])


def held_out(key: str, share: float) -> bool:
    """Whether a prompt is kept for evaluation: a function of the prompt alone."""
    return int(key[:13], 16) / 16**13 < share


@dataclass(frozen=True, slots=True)
class _Kept:
    """Held-out groups, and the prompt of each."""

    groups: list[Group]
    prompts: list[str]


def _fit(
    job: Job,
    config: RewardConfig,
    rows: Sequence[Preference],
    dialect: Dialect,
    numbers: Precision,
    checkpoints: Checkpoints,
) -> Fitted:
    model: Any = load_reward(job.model_folder, dtype=str(numbers.parameters).removeprefix("torch."))
    ends = Ends(dialect, model.config.pad_token_id)
    job.progress.start("encode", len(rows))
    groups, kept, dropped = _encode(rows, dialect, ends, job, config)
    if config.lora is not None:
        model = reward_lora(model, config.lora.rank, config.lora.alpha, dora=config.lora.dora, seed=config.seed)
    narrow(model, numbers)
    model.to(join().device)
    chosen = spread(model, choose_reward_scorer(model, numbers, sorted(groups, key=_tokens)[:2]), numbers)
    objective = bradley_terry(margins=config.margins, centering=config.centering)
    course = RowsCourse(groups, config, objective, group_importance, chosen.share, ends=True)
    log = train(model, course, chosen.score, config, checkpoints, job.log, job.progress)
    notes = (f"no prefix sharing: {chosen.reason}",) if chosen.reason else ()
    if not kept.groups:
        notes = (*notes, "no held-out row: the reward model's accuracy is not known")
    metrics = {"rows_dropped": float(len(dropped)), "rows_held_out": float(len(kept.groups))}
    return Fitted(model, log, len(groups), metrics | _evaluated(kept, chosen, config), (*notes, *dropped))


def _encode(
    rows: Sequence[Preference], dialect: Dialect, ends: Ends, job: Job, config: RewardConfig
) -> tuple[list[Group], _Kept, tuple[str, ...]]:
    """Groups to learn from, those held out, and notes on dropped rows. Raises UserError where nothing is to learn."""
    prompts: dict[str, str] = {}

    def make(row: Preference) -> Group:
        own = preference_group(row, dialect, config.annotator_weights)
        group = tuple(ends.cut(sequence) for sequence in own)
        prompts[group[0].example_id] = prompt_key(row)
        return group

    found, dropped = groups_of(rows, make, config, job.progress.advance)
    keys = [prompts[group[0].example_id] for group in found]
    sides = [(group, key, held_out(key, config.held_out)) for group, key in zip(found, keys, strict=True)]
    groups = [group for group, _, apart in sides if not apart]
    if not groups:
        raise UserError("every row is held out", field="held_out", fix="Bring more prompts, or lower held_out")
    kept = _Kept([group for group, _, apart in sides if apart], [key for _, key, apart in sides if apart])
    return groups, kept, dropped


def _pairs(group: Group) -> tuple[list[int], list[int]]:
    """Indices of the better and of the worse side of each of the group's pairs."""
    label = torch.tensor([sequence.label for sequence in group])
    reward = torch.tensor([sequence.reward for sequence in group])
    better, worse = preferred(torch.zeros(len(group), dtype=torch.int32), label, reward)
    return better.tolist(), worse.tolist()


def _tokens(group: Group) -> int:
    return sum(len(sequence.ids_L) for sequence in group)


def _evaluated(kept: _Kept, chosen: Chosen, config: RewardConfig) -> dict[str, float]:
    if not kept.groups:
        return {}
    found = iter(values(chosen.score, kept.groups, config.token_budget, share=chosen.share))
    gap, prompts = [], []
    for group, prompt in zip(kept.groups, kept.prompts, strict=True):
        value = [next(found) for _ in group]
        pairs = [value[better] - value[worse] for better, worse in zip(*_pairs(group), strict=True)]
        gap += pairs
        prompts += [prompt] * len(pairs)
    return held_out_metrics(np.array(gap), prompts, config.seed)


def held_out_metrics(gap_P: Floats, prompts: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Accuracy and calibration from r⁺ − r⁻ of P pairs; pairs of one prompt are one cluster.

    Calibration is that of σ(r_first − r_second) as the probability that the first is the better one, the two put in
    an order that a coin decides: otherwise the truth would always be 1. A tie is a miss.
    """
    first_P = np.random.default_rng(seed).random(len(gap_P)) < 0.5
    confidence_P = 1 / (1 + np.exp(-np.clip(np.where(first_P, gap_P, -gap_P), -700, 700)))
    data = (confidence_P, first_P.astype(np.float64))
    accuracy = mean_interval((gap_P > 0).astype(np.float64), prompts)
    return {
        **_named("reward_accuracy", accuracy),
        **_named("reward_ece", bootstrap_interval(data, ece, prompts, _DRAWS, seed)),
        **_named("reward_brier", bootstrap_interval(data, brier, prompts, _DRAWS, seed)),
        "reward_ece_expected": expected_ece(confidence_P, seed=seed),
        "reward_loss": float(np.logaddexp(0.0, -gap_P).mean()),
        "reward_pairs": float(len(gap_P)),
    }


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
