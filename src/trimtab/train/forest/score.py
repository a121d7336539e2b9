"""One model pass over a batch: the log-prob of each scored token, prefixes computed once.

Axes: T packed tokens, N scored tokens, M sequences, D hidden size.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trimtab.records import UserError
from trimtab.train.forest.attention import NAME
from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.fuse import fuse, unfuse
from trimtab.train.forest.head import head_logprobs
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import Precision

_TOLERANCE = {torch.float64: 1e-3, torch.float32: 1e-3, torch.bfloat16: 0.5}
"""Largest |Δ log-prob| that is still rounding, by compute dtype; a wrong mask is off by whole nats.

Transformers' norms compute in float32 even in a float64 model."""

_STATE_TOLERANCE = {torch.float64: 1e-3, torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest |Δ state| / |state| that is still rounding."""


class Scores(NamedTuple):
    """What the model pass returns, float32 or wider."""

    logp: Tensor
    """[N] log p(target)"""
    entropy: Tensor | None = None
    """[N] of the distribution that the target came from, without gradient."""
    value: Tensor | None = None
    """[M] of a scalar head at each sequence's last token; ``logp`` is then empty."""


Scorer = Callable[[Batch], Scores]


def forest_scorer(model: Any, precision: Precision, *, entropy: bool = False) -> Scorer:
    """Scores packed forests: one backbone pass, the vocabulary projection on scored rows only.

    ``model`` is any transformers causal LM, or one that PEFT has wrapped. Raises UserError where its head is more
    than a matrix.
    """
    causal = _causal(model)
    causal.set_attn_implementation(NAME)
    fuse(causal)
    backbone, head = causal.base_model, causal.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear) or getattr(head, "bias", None) is not None:
        raise UserError("the model's output head is not a plain matrix, which prefix sharing needs")

    def score(batch: Batch) -> Scores:
        batch = batch.to(causal.device)
        with precision.autocast(causal.device.type):
            hidden_TD = backbone(
                input_ids=batch.input_ids.unsqueeze(0),
                position_ids=batch.position_ids.unsqueeze(0),
                use_cache=False,
                forest=batch.segments,
            ).last_hidden_state[0]
        hidden_ND = hidden_TD.index_select(0, batch.score_row)
        return Scores(
            *head_logprobs(hidden_ND, head.weight, batch.target_ids, dtype=precision.compute, entropy=entropy)
        )

    return score


def plain_scorer(model: Any, precision: Precision) -> Scorer:
    """The slow twin, and the way for models that cannot share a prefix: transformers' own forward, row by row.

    Takes batches packed with ``share=False``.
    """
    causal = _causal(model)

    def score(batch: Batch) -> Scores:
        assert all(parent < 0 for parent in batch.seg_parent), "this scorer takes one segment a sequence"
        batch = batch.to(causal.device)
        parts = []
        with precision.autocast(causal.device.type):
            for start, length in zip(batch.seg_start, batch.seg_len, strict=True):
                ids = batch.input_ids[start : start + length].unsqueeze(0)
                parts.append(model(input_ids=ids, use_cache=False).logits[0])
        rows_NV = torch.cat(parts).index_select(0, batch.score_row)
        wide_NV = rows_NV if rows_NV.dtype == torch.float64 else rows_NV.float()
        return Scores(wide_NV.log_softmax(dim=1).gather(1, batch.target_ids.unsqueeze(1)).squeeze(1))

    return score


def reward_scorer(model: Any, precision: Precision) -> Scorer:
    """``value``: the scalar head of a sequence classifier on the last state of each sequence.

    Takes batches packed with ``ends=True``; the head itself computes in the parameters' precision.
    """
    classifier = _causal(model)
    classifier.set_attn_implementation(NAME)
    fuse(classifier)
    backbone = classifier.base_model

    def score(batch: Batch) -> Scores:
        batch = batch.to(classifier.device)
        with precision.autocast(classifier.device.type):
            hidden_TD = backbone(
                input_ids=batch.input_ids.unsqueeze(0),
                position_ids=batch.position_ids.unsqueeze(0),
                use_cache=False,
                forest=batch.segments,
            ).last_hidden_state[0]
        hidden_MD = hidden_TD.index_select(0, batch.end_row).to(precision.parameters)
        head = classifier.score.weight.to(precision.parameters)
        return Scores(hidden_MD.new_empty(0), value=torch.nn.functional.linear(hidden_MD, head).squeeze(-1))

    return score


def plain_reward_scorer(model: Any, precision: Precision) -> Scorer:
    """The slow twin: transformers' own forward of the sequence classifier, row by row. Takes ``share=False``."""
    classifier = _causal(model)

    def score(batch: Batch) -> Scores:
        assert all(parent < 0 for parent in batch.seg_parent), "this scorer takes one segment a sequence"
        batch = batch.to(classifier.device)
        parts = []
        with precision.autocast(classifier.device.type):
            for start, length in zip(batch.seg_start, batch.seg_len, strict=True):
                ids = batch.input_ids[start : start + length].unsqueeze(0)
                parts.append(model(input_ids=ids, use_cache=False).logits)
        value_M = torch.cat(parts).to(precision.parameters).squeeze(-1)
        return Scores(value_M.new_empty(0), value=value_M)

    return score


class Chosen(NamedTuple):
    score: Scorer
    share: bool
    """Whether batches may share prefixes."""
    reason: str
    """Why not, empty where they may."""


def choose_scorer(model: Any, precision: Precision, groups: list[Group]) -> Chosen:
    """The forest scorer where it agrees with transformers' own forward on ``groups``, else the plain one.

    Covers every architecture that the forest cannot serve (recurrent layers, sliding windows, soft caps, scaled
    logits), without a list of them. ``groups`` should be few and share a prefix.
    """
    causal = _causal(model)
    own = causal.config._attn_implementation
    plain = plain_scorer(model, precision)
    with torch.no_grad():
        expected = plain(plant(groups, 1.0, share=False)).logp
        try:
            forest = forest_scorer(model, precision)
            got = forest(plant(groups, 1.0, min_saving=1)).logp
            worst = float((got - expected).abs().max())
            reason = "" if worst <= _TOLERANCE[precision.compute] else f"log-probs differ by {worst:.2g}"
        except (UserError, TypeError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error)
    if not reason:
        return Chosen(forest, True, "")
    causal.set_attn_implementation(own)
    unfuse(causal)
    return Chosen(plain, False, reason)


def choose_reward_scorer(model: Any, precision: Precision, groups: list[Group]) -> Chosen:
    """As ``choose_scorer``, for reward models: held against transformers' forward of the sequence classifier.

    What is compared is the state that the head reads, for a head of zeros would agree with anything.
    """
    classifier = _causal(model)
    own = classifier.config._attn_implementation
    plain = plain_reward_scorer(model, precision)
    with torch.no_grad(), _headless(classifier):
        expected = plain(plant(groups, 1.0, share=False, ends=True)).value
        try:
            forest = reward_scorer(model, precision)
            got = forest(plant(groups, 1.0, min_saving=1, ends=True)).value
            assert got is not None
            assert expected is not None
            worst = float(((got - expected).norm(dim=1) / expected.norm(dim=1)).max())
            reason = "" if worst <= _STATE_TOLERANCE[precision.compute] else f"last states differ by {worst:.2g}"
        except (UserError, TypeError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error)
    if not reason:
        return Chosen(forest, True, "")
    classifier.set_attn_implementation(own)
    unfuse(classifier)
    return Chosen(plain, False, reason)


@contextmanager
def _headless(classifier: Any) -> Iterator[None]:
    """The classifier's head passes the state on: ``value`` is then [M, D]."""
    head = classifier.score
    size, like = head.in_features, {"dtype": head.weight.dtype, "device": head.weight.device}
    classifier.score = torch.nn.Linear(size, size, bias=False, **like)
    torch.nn.init.eye_(classifier.score.weight)
    try:
        yield
    finally:
        classifier.score = head


def _causal(model: Any) -> Any:
    """The transformers model inside a PEFT wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
