"""Tool routing: calls against every accepted value, what went wrong, and the same case put otherwise."""

from trimtab.evaluate.routes.allowed import Accepted, accepted_calls, fits, mismatch
from trimtab.evaluate.routes.breakdown import breakdown, breakdown_scores
from trimtab.evaluate.routes.check import calls_check
from trimtab.evaluate.routes.robustness import ROBUSTNESS, drops
from trimtab.evaluate.routes.variants import VARIANTS, variants_of

__all__ = [
    "ROBUSTNESS",
    "VARIANTS",
    "Accepted",
    "accepted_calls",
    "breakdown",
    "breakdown_scores",
    "calls_check",
    "drops",
    "fits",
    "mismatch",
    "variants_of",
]
