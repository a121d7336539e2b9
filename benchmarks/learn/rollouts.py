"""RLOO with a reward that is checked by computing: it rises; a flawed one is caught."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.learn.calculator import correct, first_turns, question, taught
from benchmarks.learn.data import tool_examples
from benchmarks.learn.result import Panel, Place, Point, Result
from trimtab.model import Dialect
from trimtab.records import Case, Example, Expected, iter_jsonl
from trimtab.stats import Interval, mean_interval, paired_interval, wilson
from trimtab.train import Answer, DriftControl, MonitorConfig, ProbeSet, RlConfig, Threshold, train_rl
from trimtab.train.rl.rewards import Reward
from trimtab.train.rl.rollout import Completion, Prompt

START = 60
"""Problems taught before: enough to call the tool, not enough to do it well."""
RAISED = 180
"""Where the reward is to rise: with fewer taught, most groups earn nothing and say nothing."""
STEPS, PROMPTS, HELD_OUT = 20, 4, 100
MANY = 300
"""Held-out problems where few calls are right and a small change has to be seen."""
CONFIG = RlConfig(
    learning_rate=1e-5,
    rows_per_step=PROMPTS,
    group=8,
    max_new_tokens=56,
    beta=0.02,
    schedule="constant",
    token_budget=4096,
    checkpoint_every=100,
)
PROBES, EVERY = 48, 4


@dataclass(frozen=True, slots=True)
class RightCall:
    """1 where the first call works out a number that the solution needs."""

    solutions: dict[str, Example]

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> list[float]:
        solution = self.solutions[prompt.id]
        return [float(correct(completion.message, solution)) for completion in completions]


@dataclass(frozen=True, slots=True)
class LongCall:
    """Flawed on purpose: the longer the first expression, up to 60 characters, the better it "shows its work"."""

    def __call__(self, prompt: Prompt, completions: Sequence[Completion], /) -> list[float]:
        return [length_of(completion) for completion in completions]


def length_of(completion: Completion) -> float:
    calls = completion.message.tool_calls
    return min(len(str(calls[0].arguments.get("expression", ""))) / 60, 1.0) if calls else 0.0


def reward_rises(place: Place) -> Result:
    """Mean reward of the rollouts over training, and sampled held-out calls before and after."""
    start, test = _start(place, RAISED), _test(place.data, MANY)
    config = CONFIG.model_copy(update={"learning_rate": 2e-5})
    after = _trained(place, "rloo", start, config, 2 * STEPS)
    rolled = _rewards(place.work / "rloo" / "work")
    quarters = [_window(rolled, part, 4) for part in range(4)]
    before, later = _right(start, test, 1.0), _right(after, test, 1.0)
    gain = paired_interval(later, before)
    panels = (
        Panel("Reward of the rollouts", "optimiser steps", "mean reward", {"RLOO": tuple(quarters)}),
        Panel(
            "Held-out problems",
            "optimiser steps",
            "right first call (sampled)",
            {"RLOO": (_share(0, before), _share(2 * STEPS, later))},
        ),
    )
    figures = {"held_out_gain": _ends(gain)}
    claim = "RLOO with a verifiable reward raises it on held-out problems: the paired gain's interval is above 0"
    return Result(claim, gain.low > 0, panels, figures)


def flawed(place: Place) -> Result:
    """A reward for long expressions, chased with and without a monitor that watches right calls on a probe set."""
    start, test = _start(place), _test(place.data, MANY)
    config = CONFIG.model_copy(update={"beta": 0.001, "learning_rate": 3e-5})
    free = _trained(place, "free", start, config, STEPS, LongCall())
    monitors = MonitorConfig(
        every=EVERY, max_new_tokens=56, thresholds={"judge_reward": Threshold(max_fall=0.08)}, action="step_back"
    )
    watched_config = config.model_copy(update={"monitors": monitors})
    watched = _trained(place, "watched", start, watched_config, STEPS, LongCall(), _probes(place))
    right = {name: _right(folder, test) for name, folder in (("start", start), ("free", free), ("watched", watched))}
    readings = [row for _, row in iter_jsonl(place.work / "watched" / "work" / "monitors.jsonl")]
    curves = {name: tuple(_reading(row, f"{name}_reward") for row in readings) for name in ("proxy", "judge")}
    fall, kept = paired_interval(right["free"], right["start"]), paired_interval(right["watched"], right["start"])
    saved = paired_interval(right["watched"], right["free"])
    panels = (
        Panel("Probe set under the monitor", "optimiser steps", "mean score", curves),
        Panel("Held-out problems", "run", "right first call", {name: (_share(0, one),) for name, one in right.items()}),
    )
    figures: dict[str, object] = {
        "free_minus_start": _ends(fall),
        "watched_minus_start": _ends(kept),
        "watched_minus_free": _ends(saved),
        "readings": len(readings),
    }
    held = fall.high < 0 <= kept.high and saved.low > 0
    claim = "Chasing a flawed reward costs held-out quality; the watched run is stopped and stepped back before it does"
    return Result(claim, held, panels, figures)


def _start(place: Place, size: int = START) -> Path:
    return taught(Place(place.data, place.model, place.work.parent / "calculator"), size)


def _test(data: Path, count: int = HELD_OUT) -> list[Example]:
    return tool_examples(data, "gsm8k/tool_sft", "test")[:count]


def _problems(data: Path, first: int, count: int) -> list[Example]:
    """Training problems that were not taught."""
    return tool_examples(data, "gsm8k/tool_sft", "train")[first : first + count]


def _trained(
    place: Place,
    name: str,
    start: Path,
    config: RlConfig,
    steps: int,
    reward: Reward | None = None,
    probes: ProbeSet | None = None,
) -> Path:
    problems = _problems(place.data, 500, steps * PROMPTS)
    prompts = [Prompt(tuple(asked), tuple(tools)) for asked, tools in map(question, problems)]
    solutions = {prompt.id: problem for prompt, problem in zip(prompts, problems, strict=True)}
    folder = place.work / name
    train_rl(
        start,
        prompts,
        reward or RightCall(solutions),
        config,
        work=folder / "work",
        out=folder / "model",
        control=DriftControl(anchor_folder=start, probes=probes),
    )
    return folder / "model"


def _probes(place: Place) -> ProbeSet:
    """Problems of the training split that nothing is trained on; the judge computes, the proxy is what is chased."""
    problems, dialect = _problems(place.data, 800, PROBES), Dialect.of(place.model)
    prompts = [question(problem) for problem in problems]
    cases = [Case(tuple(messages), Expected(action="call_tool"), tools=tuple(tools)) for messages, tools in prompts]
    known = {case.id: problem for case, problem in zip(cases, problems, strict=True)}

    def judge(given: Sequence[Answer]) -> list[float]:
        return [float(correct(dialect.parse(answer.text), known[answer.case.id])) for answer in given]

    def proxy(given: Sequence[Answer]) -> list[float]:
        calls = [dialect.parse(answer.text).tool_calls for answer in given]
        return [min(len(str(call[0].arguments.get("expression", ""))) / 60, 1.0) if call else 0.0 for call in calls]

    return ProbeSet(cases, proxy=proxy, judge=judge, key="calculator-1")


def _right(folder: Path, test: list[Example], temperature: float = 0.0) -> list[float]:
    said = first_turns(folder, test, temperature)
    return [float(correct(message, one)) for message, one in zip(said, test, strict=True)]


def _share(x: float, right: Sequence[float]) -> Point:
    return Point.of(x, wilson(round(sum(right)), len(right)))


def _rewards(work: Path) -> list[list[float]]:
    """The mean reward of each prompt's rollouts, a list a step."""
    files = sorted((work / "rollouts").glob("*"))
    return [[_mean_reward(row) for _, row in iter_jsonl(file) if "completions" in row] for file in files]


def _mean_reward(row: dict[str, list[dict[str, float]]]) -> float:
    rewards = [completion["reward"] for completion in row["completions"]]
    return sum(rewards) / len(rewards)


def _window(steps: Sequence[Sequence[float]], part: int, parts: int) -> Point:
    """One part of the run: prompts are the cases."""
    low, high = part * len(steps) // parts, (part + 1) * len(steps) // parts
    values = [value for step in steps[low:high] for value in step]
    return Point.of((low + high) / 2, mean_interval(values, lower=0.0, upper=1.0))


def _reading(row: dict[str, dict[str, dict[str, float]]], name: str) -> Point:
    one = row["metrics"][name]
    return Point(float(str(row["step"])), one["value"], one["low"], one["high"], int(one["n"]))


def _ends(interval: Interval) -> list[float]:
    return [interval.value, interval.low, interval.high]
