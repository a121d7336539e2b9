"""What a request may ask of a model: ids of its vocabulary, and room in its context."""

from collections.abc import Sequence

from trimtab.engine.core import Request
from trimtab.records import UserError


def room(request: Request, *, context: int, vocabulary: int) -> int:
    """Most tokens that ``request`` may generate: ``max_tokens``, or what the context leaves.

    Raises UserError where the request cannot run at all.
    """
    ids, sampling = request.prompt_ids, request.sampling
    if not ids:
        raise UserError("the prompt is empty", expected="at least one token")
    if min(ids) < 0 or max(ids) >= vocabulary:
        raise UserError("the prompt has a token id outside the model's vocabulary", expected=f"0 to {vocabulary - 1}")
    if len(ids) >= context:
        raise UserError(
            f"the prompt has {len(ids)} tokens and leaves no room to answer",
            expected=f"fewer than the model's context of {context} tokens",
        )
    if sampling.max_tokens < 1:
        raise UserError(f"max_tokens is {sampling.max_tokens}", expected="1 or more")
    if sampling.temperature < 0:
        raise UserError(f"temperature is {sampling.temperature}", expected="0 (greedy) or more")
    if not 0 < sampling.top_p <= 1:
        raise UserError(f"top_p is {sampling.top_p}", expected="more than 0, at most 1")
    return min(sampling.max_tokens, context - len(ids))


def check_scored(prompt_ids: Sequence[int], completion_ids: Sequence[int], *, context: int, vocabulary: int) -> None:
    """Raise UserError where a completion cannot be scored. It may fill the context to the last token."""
    if not prompt_ids:
        raise UserError("the prompt is empty", expected="at least one token before what is scored")
    room(Request((*prompt_ids, *completion_ids)), context=context + 1, vocabulary=vocabulary)
