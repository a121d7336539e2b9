"""What happens at which optimiser step: the rows of the step and its learning rate, functions of the seed alone."""

import math

import numpy as np

from trimtab.train.config import TrainConfig


def step_rows(rows: int, config: TrainConfig) -> list[list[int]]:
    """For each optimiser step the rows it learns from: each epoch a fresh permutation, its last step the rest."""
    steps = []
    for epoch in range(config.epochs):
        order = np.random.default_rng([config.seed, epoch]).permutation(rows).tolist()
        steps += [order[start : start + config.rows_per_step] for start in range(0, rows, config.rows_per_step)]
    return steps


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """The rate of ``step`` (from 0): a linear rise over the warm-up, then the schedule's decay, never quite 0."""
    rise = round(config.warmup * steps)
    if step < rise:
        return config.peak_rate * (step + 1) / rise
    left = (steps - step) / (steps - rise)
    share = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}[config.schedule]
    return config.peak_rate * share
