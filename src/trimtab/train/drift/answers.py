"""Answers of the weights in memory to probe prompts, and their KL to π0. Axes: N tokens of an answer, V vocabulary."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from trimtab.engine.divergence import kl_rows
from trimtab.engine.rollouts import Draw, Rollout, RolloutSampler
from trimtab.model import Dialect
from trimtab.records import Case
from trimtab.train.drift.measures import Answer
from trimtab.train.forest.attention import NAME

Answers = Callable[[Any], list[Answer]]
"""``(model) -> answers``: of the weights as they are; must leave them, and the global random state, as they were."""


def live_answers(
    cases: Sequence[Case],
    dialect: Dialect,
    *,
    dtype: torch.dtype,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> Answers:
    """By the engine room's sampler; temperature 0 is greedy, else ``seed`` and the case's place decide the draws.

    ``dtype`` is what the sampler computes in. A stop token is part of an answer's tokens, not of its text.
    """
    prompts = [tuple(dialect.encode(case.messages, case.tools, reply=True)) for case in cases]
    keys, draw = [(seed, place) for place in range(len(cases))], Draw(max_new_tokens, temperature)
    newest: list[tuple[Any, RolloutSampler]] = []

    def answer(model: Any) -> list[Answer]:
        if not newest or newest[0][0] is not model:
            newest[:] = [(model, RolloutSampler(model, dtype=dtype, stop_ids=dialect.stop_ids))]
        groups = newest[0][1].sample(prompts, keys, 1, draw)
        return [
            Answer(case, prompt, rollout.token_ids, rollout.logprobs, dialect.decode(_spoken(rollout)))
            for case, prompt, (rollout,) in zip(cases, prompts, groups, strict=True)
        ]

    return answer


def _spoken(rollout: Rollout) -> tuple[int, ...]:
    return rollout.token_ids[:-1] if rollout.finish == "stop" else rollout.token_ids


def kl_to(model: Any, anchor: Any, answers: Sequence[Answer]) -> list[list[float]]:
    """KL(model ‖ anchor) in nats at each token of each answer, over the whole vocabulary."""
    with own_attention(model) as causal, torch.no_grad():
        return [
            kl_rows(*(_logits(side, answer.prompt_ids, answer.token_ids) for side in (causal, anchor)))
            if answer.token_ids
            else []
            for answer in answers
        ]


@contextmanager
def own_attention(model: Any) -> Iterator[Any]:
    """The transformers model (inside PEFT's wrapper, if any) under an attention that needs no forest."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    if causal.config._attn_implementation != NAME:
        yield causal
        return
    causal.set_attn_implementation("sdpa")
    try:
        yield causal
    finally:
        causal.set_attn_implementation(NAME)


def _logits(causal: Any, prompt_ids: Sequence[int], token_ids: Sequence[int]) -> torch.Tensor:
    """[N, V]: what each token of the answer came from."""
    ids = torch.tensor([[*prompt_ids, *token_ids[:-1]]], device=causal.device)
    logits: torch.Tensor = causal(input_ids=ids, use_cache=False, logits_to_keep=len(token_ids)).logits[0].cpu()
    return logits
