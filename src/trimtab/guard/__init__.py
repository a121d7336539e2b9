"""The policy document and what enforces it: before generation, at commit points, and on the finished answer."""

from trimtab.guard.guards import PolicyGuards
from trimtab.guard.policy import Policy, Rule, load_policy, parse_policy

__all__ = ["Policy", "PolicyGuards", "Rule", "load_policy", "parse_policy"]
