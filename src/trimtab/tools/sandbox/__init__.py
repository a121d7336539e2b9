"""Code that a model wrote, run where it can harm nothing: one protocol, and what came of a run."""

from trimtab.tools.sandbox.core import DEFAULT_LIMITS, Failure, Ran, RunLimits, Sandbox
from trimtab.tools.sandbox.monty import MontySandbox, shared_sandbox

__all__ = ["DEFAULT_LIMITS", "Failure", "MontySandbox", "Ran", "RunLimits", "Sandbox", "shared_sandbox"]
