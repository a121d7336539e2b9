"""The experiments by name, in the order in which they build on one another."""

from benchmarks.learn import calculator, cycles, frontier, grounding, preference, reasoning, rollouts
from benchmarks.learn.result import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    "calculator": calculator.run,
    "preference": preference.run,
    "coin_flips": preference.coin_flips,
    "rloo": rollouts.reward_rises,
    "frontier": frontier.run,
    "flawed_reward": rollouts.flawed,
    "grounding": grounding.run,
    "cycles": cycles.run,
    "reasoning": reasoning.run,
}
