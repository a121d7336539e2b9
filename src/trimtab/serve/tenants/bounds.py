"""The most that a request may take, before it begins: tokens by its length, dollars by its time.

Tokens are the estimate that admission uses too (``serve.estimate``), settled by the true count: a prompt is read once
(a plan that calls tools reads it again), and the answer is as long as it may be. Dollars are a bound: the meter
says what the longest request can cost. A meter that cannot say bounds nothing, and the dearest request so far stands
in its place.
"""

from collections.abc import Callable

from trimtab.records import Trace
from trimtab.serve.tenants.door import Bound

_CUT_OFF = ("cancelled", "error")
_SLACK_SECONDS = 1.0  # from the time limit to the end of the generation it cancels


def bound_of(tokens: int, meter: object, timeout: float) -> Bound:
    """What a request of an estimated ``tokens`` may take within ``timeout`` seconds of work.

    A meter's ``most``, where it has one, knows what a request of so many seconds costs at most, in dollars.
    """
    most: Callable[[float], float] | None = getattr(meter, "most", None)
    return Bound(tokens, 0.0 if most is None else most(timeout + _SLACK_SECONDS))


def tokens_of(trace: Trace) -> int | None:
    """What a request took in tokens; None where it was cut off before anybody counted, and its bound stands."""
    counted = trace.prompt_tokens + trace.completion_tokens
    return None if not counted and trace.finish in _CUT_OFF else counted
