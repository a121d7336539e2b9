"""The most that a request may take, before it begins: tokens by its length, dollars by its time.

Tokens are an estimate, settled by the true count: a token is taken to be at least three bytes, a prompt is read once
(a plan that calls tools reads it again), and the answer is as long as it may be. Dollars are a bound: the meter
says what the longest request can cost. A meter that cannot say bounds nothing, and the dearest request so far stands
in its place.
"""

import json
from typing import Protocol, runtime_checkable

from trimtab.records import Trace
from trimtab.serve.body import ChatRequest
from trimtab.serve.tenants.door import Bound
from trimtab.tools import Assistant

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 4  # the dialect's marks around a turn
_CUT_OFF = ("cancelled", "error")
_SLACK_SECONDS = 1.0  # from the time limit to the end of the generation it cancels


@runtime_checkable
class Ceiling(Protocol):
    """A meter that knows what a request of so many seconds costs at most, in dollars."""

    def most(self, seconds: float) -> float: ...


def bound_of(request: ChatRequest, assistant: Assistant, meter: object, timeout: float) -> Bound:
    """What ``request`` may take of this assistant within ``timeout`` seconds."""
    sampling = request.sampling(assistant.sampling)
    steps = assistant.limits.steps if request.tools is None else 1
    completion = min(assistant.limits.tokens, steps * sampling.max_tokens)
    dollars = meter.most(timeout + _SLACK_SECONDS) if isinstance(meter, Ceiling) else 0.0
    return Bound(_prompt_tokens(request, assistant) + completion, dollars)


def tokens_of(trace: Trace) -> int | None:
    """What a request took in tokens; None where it was cut off before anybody counted, and its bound stands."""
    counted = trace.prompt_tokens + trace.completion_tokens
    return None if not counted and trace.finish in _CUT_OFF else counted


def _prompt_tokens(request: ChatRequest, assistant: Assistant) -> int:
    schemas = assistant.toolbox.schemas if request.tools is None else request.tools
    said = [json.dumps(message.to_json(), ensure_ascii=False) for message in request.messages]
    size = sum(len(text.encode("utf-8", "replace")) for text in (*said, assistant.system, json.dumps(list(schemas))))
    return size // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE * (len(said) + 1)
