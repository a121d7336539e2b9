"""Completions sampled from a model that is being trained, in place: nothing is written, nothing is loaded.

``RolloutSampler(model, dtype=torch.bfloat16, stop_ids=...).sample(prompts, group=8, ...)`` prefills each prompt once
for its whole group and decodes all rows in step. Axes: B rows, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trimtab.engine.core import Unsupported
from trimtab.engine.shadow import Prompt, Rows, Shadow
from trimtab.records import UserError

_PLAIN = "sdpa"
_PROBE, _PROBE_PROMPT = 16, 12
_MOST_KL = {torch.float64: 1e-6, torch.float32: 1e-4}
_MOST_KL_NARROW = 0.1
"""Nats a token between shadow and model that are still rounding; a wrong mask or scale costs whole nats."""
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion; a stop id itself is included."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Of each token (nats) under the distribution that it was drawn from, temperature applied."""
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Draw:
    """How tokens are drawn. ``temperature`` 0 is greedy, 1 the model itself."""

    max_tokens: int
    temperature: float = 1.0


class _Decoder(Protocol):
    """Rows that advance in step."""

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Logits [B, V] after each row's next token."""

    def keep(self, stay: Sequence[int]) -> None:
        """Only these rows go on."""


class RolloutSampler:
    """Samples groups of completions from a live model.

    Llama-like models decode through a shadow of their weights in ``dtype``, refreshed at each call and held once
    against the model's own forward; any other model, or one on which the two differ (``reason`` says so), decodes
    through transformers. ``memory_mb`` bounds the keys and values of rows that run at once. ``check=False`` is for a
    model whose own forward cannot be asked because its parameters are shards; it raises Unsupported where no shadow
    fits.
    """

    def __init__(
        self, model: Any, *, dtype: torch.dtype, stop_ids: Sequence[int], memory_mb: int = 512, check: bool = True
    ) -> None:
        self._model = model
        self._stop_ids = frozenset(stop_ids)
        self._memory = memory_mb << 20
        self._shadow: Shadow | None = None
        self.reason = ""
        """Why the shadow is not used, empty where it is."""
        if not check:
            self._shadow = Shadow(model, dtype)
            return
        try:
            shadow = Shadow(model, dtype)
            self.reason = _difference(model, shadow)
        except Unsupported as error:
            self.reason = str(error)
        if not self.reason:
            self._shadow = shadow

    @torch.inference_mode()
    def sample(
        self, prompts: Sequence[Sequence[int]], keys: Sequence[Sequence[int]], group: int, draw: Draw
    ) -> list[list[Rollout]]:
        """``group`` completions of each prompt, from the weights as they are now.

        ``keys`` are each prompt's integers, such as (seed, step, prompt): with the rollout's number in its group
        they decide its random numbers, one a position, so that what else is sampled beside it does not matter.
        Raises UserError on a prompt that is empty or leaves no room in the model's context.
        """
        limit = _context(self._model)
        for ids in prompts:
            if not ids or len(ids) >= limit:
                raise UserError(f"a prompt of {len(ids)} tokens", expected=f"1 to {limit - 1}, the model's context")
        if self._shadow is not None:
            self._shadow.refresh()
        found: list[list[Rollout]] = [[] for _ in prompts]
        for wave in self._waves(prompts, group, draw.max_tokens):
            for (prompt, _), rollout in zip(wave, self._run(wave, prompts, keys, draw, limit), strict=True):
                found[prompt].append(rollout)
        return found

    def _run(
        self,
        wave: list[tuple[int, int]],
        prompts: Sequence[Sequence[int]],
        keys: Sequence[Sequence[int]],
        draw: Draw,
        limit: int,
    ) -> list[Rollout]:
        """The rollouts of a wave: ``(prompt, number in its group)`` pairs, in order of prompts."""
        uniform_BL = np.stack([np.random.default_rng([*keys[p], k]).random(draw.max_tokens) for p, k in wave])
        room = [min(draw.max_tokens, limit - len(prompts[prompt])) for prompt, _ in wave]
        used = sorted({prompt for prompt, _ in wave})
        counts = [sum(1 for prompt, _ in wave if prompt == one) for one in used]
        start = _shadow_start if self._shadow is not None else _plain_start
        with _own_attention(self._model) if self._shadow is None else _nothing():
            decoder, logits = start(self._shadow or self._model, [prompts[p] for p in used], counts, draw.max_tokens)
            return _decode(decoder, logits, uniform_BL, room, draw.temperature, self._stop_ids)

    def _waves(self, prompts: Sequence[Sequence[int]], group: int, max_tokens: int) -> Iterator[list[tuple[int, int]]]:
        """Rows that run at once, as many as the memory holds; rows of one prompt stay together where they can."""
        rows = [(prompt, number) for prompt in range(len(prompts)) for number in range(group)]
        if self._shadow is None:
            for prompt in range(len(prompts)):
                yield [(prompt, number) for number in range(group)]
            return
        at_once = max(group, self._memory // (self._shadow.bytes_a_token * max_tokens) // group * group)
        for start in range(0, len(rows), at_once):
            yield rows[start : start + at_once]


def _decode(
    decoder: _Decoder,
    logits_BV: Tensor,
    uniform_BL: npt.NDArray[np.float64],
    room: Sequence[int],
    temperature: float,
    stop_ids: frozenset[int],
) -> list[Rollout]:
    """Draws, token after token, until every row has stopped or is full; finished rows leave the batch."""
    tokens: list[list[int]] = [[] for _ in room]
    logprobs: list[list[float]] = [[] for _ in room]
    running = list(range(len(room)))
    for position in range(max(room)):
        drawn, logp = pick_rows(logits_BV, torch.from_numpy(uniform_BL[running, position]), temperature)
        stay = []
        for place, (row, token, value) in enumerate(zip(running, drawn, logp, strict=True)):
            tokens[row].append(token)
            logprobs[row].append(value)
            if token not in stop_ids and len(tokens[row]) < room[row]:
                stay.append(place)
        if not stay:
            break
        if len(stay) < len(running):
            decoder.keep(stay)
            running, drawn = [running[place] for place in stay], [drawn[place] for place in stay]
        logits_BV = decoder.step(drawn)
    return [
        Rollout(tuple(ids), tuple(values), "stop" if ids[-1] in stop_ids else "length")
        for ids, values in zip(tokens, logprobs, strict=True)
    ]


def pick_rows(logits_BV: Tensor, uniform_B: Tensor, temperature: float) -> tuple[list[int], list[float]]:
    """A token a row by inversion of its distribution at ``uniform_B`` in [0, 1), and its log-prob; 0 is greedy."""
    if temperature == 0:
        token_B = logits_BV.argmax(dim=1)
        shifted_BV = logits_BV - logits_BV.amax(dim=1, keepdim=True)
        total_B = shifted_BV.exp().sum(dim=1)
    else:
        shifted_BV = logits_BV - logits_BV.amax(dim=1, keepdim=True)
        if temperature != 1:
            shifted_BV /= temperature
        rising_BV = shifted_BV.exp().cumsum(dim=1)
        total_B = rising_BV[:, -1].contiguous()
        at_B = (uniform_B.to(total_B) * total_B).unsqueeze(1)
        # The first token at which the cumulated mass exceeds u has mass of its own; u·total may round up to total.
        token_B = torch.searchsorted(rising_BV, at_B, right=True).squeeze(1)
        last_B = torch.searchsorted(rising_BV, total_B.unsqueeze(1)).squeeze(1)
        token_B = torch.minimum(token_B, last_B)
    logp_B = shifted_BV.gather(1, token_B.unsqueeze(1)).squeeze(1) - total_B.log()
    return token_B.tolist(), logp_B.tolist()


class _ShadowRows:
    def __init__(self, shadow: Shadow, rows: Rows) -> None:
        self._shadow, self._rows = shadow, rows

    def step(self, tokens: Sequence[int]) -> Tensor:
        return self._shadow.step(tokens, self._rows)

    def keep(self, stay: Sequence[int]) -> None:
        self._rows.keep(stay)


def _shadow_start(
    shadow: Shadow, prompts: Sequence[Sequence[int]], counts: list[int], room: int
) -> tuple[_Decoder, Tensor]:
    states: list[Prompt] = []
    logits = []
    for ids, count in zip(prompts, counts, strict=True):
        state, logits_V = shadow.prefill(ids)
        states.append(state)
        logits.append(logits_V.expand(count, -1))
    return _ShadowRows(shadow, shadow.rows(states, counts, room)), torch.cat(logits)


class _PlainRows:
    """Rows of one prompt through transformers; finished rows are computed on and left out."""

    def __init__(self, model: Any, ids: Sequence[int], count: int) -> None:
        self._model, self._count = model, count
        self._running = list(range(count))
        self._out = model(input_ids=torch.tensor([list(ids)] * count, device=model.device), use_cache=True)

    @property
    def logits(self) -> Tensor:
        logits: Tensor = self._out.logits[self._running, -1]
        return logits if logits.dtype == torch.float64 else logits.float()

    def step(self, tokens: Sequence[int]) -> Tensor:
        fed = [tokens[0]] * self._count
        for row, token in zip(self._running, tokens, strict=True):
            fed[row] = token
        ids = torch.tensor(fed, device=self._model.device)[:, None]
        self._out = self._model(input_ids=ids, past_key_values=self._out.past_key_values, use_cache=True)
        return self.logits

    def keep(self, stay: Sequence[int]) -> None:
        self._running = [self._running[place] for place in stay]


def _plain_start(model: Any, prompts: Sequence[Sequence[int]], counts: list[int], room: int) -> tuple[_Decoder, Tensor]:
    assert len(prompts) == 1, "transformers decodes one prompt's rows at a time here: they need no padding"
    rows = _PlainRows(model, prompts[0], counts[0])
    return rows, rows.logits


@torch.inference_mode()
def _difference(model: Any, shadow: Shadow) -> str:
    """What tells the shadow from the model's own forward on random tokens, prefilled and stepped; empty if nothing."""
    vocabulary = model.get_input_embeddings().weight.shape[0]
    ids = np.random.default_rng(0).integers(0, vocabulary, _PROBE).tolist()
    with _own_attention(model):
        own = model(input_ids=torch.tensor([ids], device=shadow.device), use_cache=False).logits[0]
    expected = own[_PROBE_PROMPT - 1 :].double().log_softmax(1)
    prompt, logits_V = shadow.prefill(ids[:_PROBE_PROMPT])
    rows = shadow.rows([prompt], [2], _PROBE)
    stepped = [shadow.step([token, token], rows)[1] for token in ids[_PROBE_PROMPT:]]
    got = torch.stack([logits_V, *stepped]).double().log_softmax(1)
    worst = float((expected.exp() * (expected - got)).sum(1).max())
    most = _MOST_KL.get(shadow.dtype, _MOST_KL_NARROW)
    return "" if worst <= most else f"the decode forward differs from the model's own by {worst:.2g} nats a token"


@contextmanager
def _own_attention(model: Any) -> Iterator[None]:
    """The model under plain attention, whatever attention it trains with."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    trained_with = causal.config._attn_implementation
    causal.set_attn_implementation(_PLAIN)
    try:
        yield
    finally:
        causal.set_attn_implementation(trained_with)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _context(model: Any) -> int:
    return int(getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None) or _NO_LIMIT)


Sample = Callable[[Sequence[Sequence[int]], Sequence[Sequence[int]], int, Draw], list[list[Rollout]]]
"""What a course of reinforcement learning needs: ``RolloutSampler.sample``, or a test's fake."""
