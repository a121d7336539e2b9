"""Answers of the current weights to probe prompts, in memory: by transformers' own forward, and their KL to π0.

Axes: B answers of a batch, L tokens, N scored tokens, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from trimtab.engine.divergence import kl_rows
from trimtab.engine.forward import log_softmax_at
from trimtab.model import Dialect
from trimtab.records import Case
from trimtab.train.attention import NAME
from trimtab.train.measures import Answer

Answers = Callable[[Any], list[Answer]]
"""``(model) -> answers``: of the weights as they are; must leave them, and the global random state, as they were."""

_BATCH = 8


def plain_answers(
    cases: Sequence[Case], dialect: Dialect, *, max_new_tokens: int, temperature: float = 0.0, seed: int = 0
) -> Answers:
    """By transformers' ``generate``, a few prompts at once; temperature 0 is greedy, the seed counts otherwise."""
    prompts = [tuple(dialect.encode(case.messages, case.tools, reply=True)) for case in cases]
    stop = list(dialect.stop_ids)
    sampling: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        sampling = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}

    def answer(model: Any) -> list[Answer]:
        made: list[Answer] = []
        devices = [model.device] if model.device.type == "cuda" else []
        with own_attention(model) as causal, torch.no_grad(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            for start in range(0, len(cases), _BATCH):
                part = prompts[start : start + _BATCH]
                found = _generate(causal, part, stop, max_new_tokens, sampling)
                for case, prompt, ids in zip(cases[start : start + _BATCH], part, found, strict=True):
                    logp = log_softmax_at(_logits(causal, prompt, ids), ids) if ids else []
                    spoken = [token for token in ids if token not in stop]
                    made.append(Answer(case, prompt, tuple(ids), tuple(logp), dialect.decode(spoken)))
        return made

    return answer


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


def _generate(
    causal: Any, prompts: Sequence[Sequence[int]], stop: list[int], max_new_tokens: int, sampling: dict[str, Any]
) -> list[list[int]]:
    """Each prompt's new tokens, its stop token included."""
    longest = max(map(len, prompts))
    input_BL = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask_BL = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output_BL = causal.generate(
        input_ids=input_BL.to(causal.device),
        attention_mask=mask_BL.to(causal.device),
        max_new_tokens=max_new_tokens,
        eos_token_id=stop,
        pad_token_id=0,
        **sampling,
    )
    return [_until(ids, stop) for ids in output_BL[:, longest:].tolist()]


def _until(ids: list[int], stop: list[int]) -> list[int]:
    end = next((place for place, token in enumerate(ids) if token in stop), len(ids))
    return ids[: end + 1]


def _logits(causal: Any, prompt_ids: Sequence[int], token_ids: Sequence[int]) -> torch.Tensor:
    """[N, V]: what each token of the answer came from."""
    ids = torch.tensor([[*prompt_ids, *token_ids[:-1]]], device=causal.device)
    logits: torch.Tensor = causal(input_ids=ids, use_cache=False, logits_to_keep=len(token_ids)).logits[0].cpu()
    return logits
