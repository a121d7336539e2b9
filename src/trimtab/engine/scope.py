"""Whose prompts a request may share computed prefixes with: set around a request, read where it meets the engine.

A prefix that is already computed answers sooner, so a prefix cache that tenants share tells one what another asked.
"""

from contextvars import ContextVar

CACHE_SCOPE: ContextVar[str] = ContextVar("cache_scope", default="")
"""Set in a request's own task; empty where everybody is one."""
