"""Who goes to the canary: the same user always, more users as the share grows, other users for another canary."""

import hashlib
import math
from collections.abc import Callable

from trimtab.records import Arm


def arm_of(key: str, share: float, salt: str = "") -> Arm:
    """The arm of one user (or session, or request).

    A key has one place in [0, 1), and goes to the canary when that lies below ``share``: raising the share moves users
    to the canary and none back. ``salt`` is the canary's release: each canary meets its own sample of users.
    """
    hashed = hashlib.sha256(f"{salt}\0{key}".encode("utf-8", "replace")).digest()
    place = int.from_bytes(hashed[:8]) / 2**64
    return "canary" if place < share else "stable"


def safe_share(provider: Callable[[], float]) -> float:
    """The share as asked for now, in [0, 1]; a provider that fails or gives no number closes the canary."""
    try:
        share = float(provider())
    except Exception:  # the named boundary: whoever steers the canary must not be able to stop the service
        return 0.0
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
