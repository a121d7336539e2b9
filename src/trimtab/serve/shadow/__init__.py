"""Copies of requests for a candidate: run when nobody waits, without effects, after the user has been answered."""

from trimtab.serve.shadow.copies import Shadow

__all__ = ["Shadow"]
