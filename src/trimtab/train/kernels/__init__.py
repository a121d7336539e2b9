"""Compiled CPU kernels for what torch does in many passes over memory; each has a plain twin that is always there."""

from trimtab.train.kernels.attend import attend, can_attend
from trimtab.train.kernels.build import library, why_not

__all__ = ["attend", "can_attend", "library", "why_not"]
