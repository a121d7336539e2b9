"""Compiled CPU kernels for what torch does in many passes over memory; each has a plain twin that is always there."""

from trimtab.train.forest.kernels.build import library, why_not
from trimtab.train.forest.kernels.forest import attend, can_attend
from trimtab.train.forest.kernels.rows import can_pass, norm, norm_backward, soften, swiglu, swiglu_backward

__all__ = [
    "attend",
    "can_attend",
    "can_pass",
    "library",
    "norm",
    "norm_backward",
    "soften",
    "swiglu",
    "swiglu_backward",
    "why_not",
]
