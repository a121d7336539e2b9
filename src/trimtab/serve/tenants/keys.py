"""Keys: 256 random bits that are shown once; what is kept is their sha256, by which they are found again.

A look-up by hash needs no constant-time comparison: what an attacker varies is hashed first, so the time says nothing
about how much of a key was right. The bits are random, so the hash needs neither salt nor stretching.
"""

import hashlib
import secrets

from trimtab.store import KeyRecord

_MARK = "tt-"
_SHOWN = len(_MARK) + 8


def issue_key(tenant: str, *, now: float, expires: float | None = None) -> tuple[str, KeyRecord]:
    """A new key, and what may be kept of it. Both times are seconds since the epoch."""
    key = _MARK + secrets.token_urlsafe(32)
    return key, KeyRecord(hash_of(key), key[:_SHOWN], tenant, now, expires)


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
