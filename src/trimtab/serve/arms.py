"""The releases being served: swapped at run time, each closed only when its last request has ended."""

import logging
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trimtab.engine.core import Sampling
from trimtab.engine.lookup import Counts
from trimtab.records import Arm
from trimtab.serve.errors import ApiError, unknown_model
from trimtab.serve.split import arm_of, safe_share
from trimtab.tools import Assistant, Reply
from trimtab.tools.watch import OnText

_log = logging.getLogger("trimtab.serve")
_PREFIX = 12


class CompleteFn(Protocol):
    """``Chat.complete``: a text that goes on, without template, tools or plan."""

    async def __call__(self, prompt: str, sampling: Sampling = ..., on_text: OnText | None = None) -> Reply: ...


def _always() -> bool:
    return True


def _uncounted() -> Counts | None:
    return None


def _nothing() -> None:
    return None


@dataclass(frozen=True, eq=False)
class Served:
    """A loaded release. ``close`` frees its engine; it is called once, off the event loop, when nobody needs it.

    ``complete``: what follows a plain text; without it the release answers chats only.
    """

    release: str
    assistant: Assistant
    close: Callable[[], None] = _nothing
    complete: CompleteFn | None = None
    context: int = 0
    """Most tokens of prompt and completion together; 0: not known."""
    kv_tokens: int = 0
    """Tokens that its engine's cache holds at once; 0: it grows as needed."""
    adapter: str = ""
    """The LoRA adapter that answers over the release's weights, as ``name@digest``; empty for none."""
    adapters: Mapping[str, "Served"] = field(default_factory=dict)
    """The same release under each adapter that it serves by name; they live and end with it."""
    alive: Callable[[], bool] = _always
    """Whether its engine can answer: one in a process of its own is lost with it."""
    counts: Callable[[], Counts | None] = _uncounted
    """What its engine has guessed ahead so far; None where it does not. Must not wait: metrics ask it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One request's hold on a release; ``pinned`` when the client named it."""

    served: Served
    arm: Arm
    pinned: bool
    owner: Served | None = None
    """Whose engine it holds, where ``served`` is that release under an adapter."""

    @property
    def suffix(self) -> str:
        """What the client's name for it has behind the release's."""
        return f":{self.served.adapter.partition('@')[0]}" if self.served.adapter else ""


class Arms:
    """Thread-safe: requests lease on the event loop, a controller may swap from elsewhere."""

    def __init__(self, name: str, share: Callable[[], float]) -> None:
        self.name, self._share = name, share
        self._lock = threading.Lock()
        self._arms: dict[Arm, Served] = {}
        self._leases: Counter[Served] = Counter()
        self._closed: weakref.WeakSet[Served] = weakref.WeakSet()
        self._closers: list[threading.Thread] = []

    def set(self, stable: Served | None, canary: Served | None = None) -> None:
        """Send new requests there from now on; what is no longer an arm is closed when its last request ends.

        The same ``Served`` may change its arm (a promotion). Raises ValueError when one was closed already.
        """
        given: tuple[tuple[Arm, Served | None], ...] = (("stable", stable), ("canary", canary))
        wanted = {arm: served for arm, served in given if served is not None}
        with self._lock:
            for served in wanted.values():
                if served in self._closed:
                    raise ValueError(f"release {served.release[:_PREFIX]} was closed; load it again")
            before, self._arms = self._arms, wanted
            self._close_idle(before.values())

    def get(self, arm: Arm) -> Served | None:
        with self._lock:
            return self._arms.get(arm)

    def lease(self, model: str, key: str) -> Lease:
        """The release that answers: by the split for the plain name, the one that is named otherwise.

        ``name:adapter`` and ``name@digest:adapter`` ask the same release under an adapter; it tells nothing of the
        release itself, so it is ``pinned``. ``key`` is whom the split keeps on one arm. Raises ApiError: 404 for an
        unknown model, 503 while nothing is served.
        """
        share = safe_share(self._share)
        with self._lock:
            if not self._arms:
                raise ApiError(503, "No release is being served yet.", code="not_ready", headers={"retry-after": "5"})
            base, colon, adapter = model.partition(":")
            lease = self._split(key, share) if base == self.name else self._named(base)
            if not lease.served.alive():
                message = "The release is being opened again."
                raise ApiError(503, message, code="not_ready", headers={"retry-after": "5"})
            if colon:
                lease = _adapted(lease, adapter, model)
            self._leases[lease.owner or lease.served] += 1
            return lease

    def release(self, lease: Lease) -> None:
        """The request has ended."""
        with self._lock:
            owner = lease.owner or lease.served
            self._leases[owner] -= 1
            self._close_idle([owner])

    def models(self) -> list[str]:
        """The plain name, then each served release by name and digest, then the stable release's adapters."""
        with self._lock:
            releases = dict.fromkeys(served.release for served in self._arms.values())
            stable = self._arms.get("stable")
        adapters = [f"{self.name}:{name}" for name in (stable.adapters if stable is not None else ())]
        return [self.name, *(self.full_name(release) for release in releases), *adapters] if releases else []

    def full_name(self, release: str) -> str:
        return f"{self.name}@{release[:_PREFIX]}"

    def answering(self) -> dict[Arm, str]:
        """The release of each arm whose engine lives."""
        with self._lock:
            return {arm: served.release for arm, served in self._arms.items() if served.alive()}

    def speculated(self) -> dict[str, Counts]:
        """What each release's engine has guessed ahead, where it does."""
        with self._lock:
            counted = {served.release: served.counts() for served in self._arms.values()}
        return {release: counts for release, counts in counted.items() if counts is not None}

    def close(self) -> None:
        """Serve nothing more; returns when all that is idle has been closed."""
        self.set(None)
        for thread in self._closers:
            thread.join()

    def _split(self, key: str, share: float) -> Lease:
        canary, stable = self._arms.get("canary"), self._arms.get("stable")
        if stable is None:
            raise ApiError(503, "No stable release is being served.", code="not_ready", headers={"retry-after": "5"})
        if canary is not None and arm_of(key, share, canary.release) == "canary":
            return Lease(canary, "canary", pinned=False)
        return Lease(stable, "stable", pinned=False)

    def _named(self, model: str) -> Lease:
        name, _, prefix = model.partition("@")
        if name == self.name and prefix:
            for arm, served in self._arms.items():
                if served.release.startswith(prefix):
                    return Lease(served, arm, pinned=True)
        raise unknown_model(model)

    def _close_idle(self, candidates: Iterable[Served]) -> None:
        """Close what is neither an arm nor in use, each in a thread of its own: engines take their time."""
        for served in candidates:
            if self._leases[served] <= 0:
                del self._leases[served]
                if served not in self._arms.values() and served not in self._closed:
                    self._closed.add(served)
                    thread = threading.Thread(target=_close, args=(served,), name=f"close {served.release[:_PREFIX]}")
                    self._closers = [*(t for t in self._closers if t.is_alive()), thread]
                    thread.start()


def _adapted(lease: Lease, adapter: str, model: str) -> Lease:
    """The lease under an adapter: an unknown one is an error, never the release without it."""
    if (found := lease.served.adapters.get(adapter)) is None:
        raise unknown_model(model)
    return Lease(found, lease.arm, True, owner=lease.served)


def _close(served: Served) -> None:
    try:
        served.close()
    except Exception:  # the named boundary: a release that will not close must not disturb the others
        _log.exception("release %s did not close", served.release)
