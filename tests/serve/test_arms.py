"""Arms: requests end where they began, and a release is closed once, when nobody needs it."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.serve import ApiError, Served
from trimtab.serve.arms import Arms, Lease
from trimtab.tools import Assistant


async def _mute(*args: Any, **fields: Any) -> Any:
    raise AssertionError("nobody speaks here")


class Pool:
    """Releases that count how often they were closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    def served(self, release: str) -> Served:
        return Served(release, Assistant(_mute), lambda: self.closed.append(release))


def _settled(arms: Arms) -> None:
    for thread in arms._closers:
        thread.join()


def test_a_request_ends_on_its_arm_and_the_arm_is_closed_after_it() -> None:
    pool, arms = Pool(), Arms("m", lambda: 0.0)
    old, new = pool.served("old"), pool.served("new")
    arms.set(old)
    first, second = arms.lease("m", "u"), arms.lease("m", "u")
    arms.set(new)
    assert first.served is old
    assert arms.lease("m", "u").served is new
    arms.release(first)
    _settled(arms)
    assert pool.closed == []
    arms.release(second)
    _settled(arms)
    assert pool.closed == ["old"]


def test_a_promoted_canary_is_not_closed() -> None:
    pool, arms = Pool(), Arms("m", lambda: 1.0)
    stable, canary = pool.served("s"), pool.served("c")
    arms.set(stable, canary)
    assert arms.lease("m", "u").arm == "canary"
    arms.set(canary)
    _settled(arms)
    assert pool.closed == ["s"]
    assert arms.lease("m", "u") == Lease(canary, "stable", pinned=False)
    with pytest.raises(ValueError, match="closed"):
        arms.set(stable)


def test_a_release_that_is_still_busy_can_come_back() -> None:
    pool, arms = Pool(), Arms("m", lambda: 0.0)
    old, new = pool.served("old"), pool.served("new")
    arms.set(old)
    lease = arms.lease("m", "u")
    arms.set(new)
    arms.set(old)
    arms.release(lease)
    _settled(arms)
    assert pool.closed == ["new"]


def test_the_share_is_asked_for_at_every_request() -> None:
    share = [0.0]
    pool, arms = Pool(), Arms("m", lambda: share[0])
    arms.set(pool.served("s"), pool.served("c"))
    assert arms.lease("m", "u").arm == "stable"
    share[0] = 1.0
    assert arms.lease("m", "u").arm == "canary"


def test_a_release_can_be_named_and_is_pinned_then() -> None:
    pool, arms = Pool(), Arms("m", lambda: 0.0)
    arms.set(pool.served("s" * 64), pool.served("c" * 64))
    assert arms.models() == ["m", "m@" + "s" * 12, "m@" + "c" * 12]
    lease = arms.lease("m@cc", "u")
    assert (lease.arm, lease.pinned) == ("canary", True)
    for unknown in ("m@x", "m@", "other", "other@cc", ""):
        with pytest.raises(ApiError) as caught:
            arms.lease(unknown, "u")
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_without_a_release_nothing_is_served() -> None:
    arms = Arms("m", lambda: 0.0)
    with pytest.raises(ApiError) as caught:
        arms.lease("m", "u")
    assert caught.value.status == 503
    assert arms.models() == []


def test_a_release_that_will_not_close_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def stuck() -> None:
        raise RuntimeError("stuck")

    arms = Arms("m", lambda: 0.0)
    arms.set(Served("old", Assistant(_mute), stuck))
    arms.set(Pool().served("new"))
    _settled(arms)
    assert "old did not close" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["lease", "release", "swap", "canary", "promote"]), max_size=30))
def test_whatever_happens_only_the_unneeded_is_closed_and_once(steps: list[str]) -> None:
    pool, arms = Pool(), Arms("m", lambda: 0.5)
    stable, canary, count = pool.served("r0"), None, 0
    arms.set(stable)
    leases: list[Lease] = []
    for i, step in enumerate(steps):
        if step == "lease":
            leases.append(arms.lease("m", f"u{i}"))
        elif step == "release" and leases:
            arms.release(leases.pop(0))
        elif step == "promote" and canary is not None:
            stable, canary = canary, None
            arms.set(stable)
        elif step in ("swap", "canary"):
            count += 1
            fresh = pool.served(f"r{count}")
            stable, canary = (fresh, None) if step == "swap" else (stable, fresh)
            arms.set(stable, canary)
    _settled(arms)
    needed = {lease.served.release for lease in leases} | {one.release for one in (stable, canary) if one is not None}
    assert sorted(pool.closed) == sorted({f"r{i}" for i in range(count + 1)} - needed)


def test_threads_may_swap_while_requests_run() -> None:
    pool, arms = Pool(), Arms("m", lambda: 0.5)
    arms.set(pool.served("r"))

    def ask() -> None:
        for i in range(300):
            arms.release(arms.lease("m", str(i)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(50):
        arms.set(pool.served(f"s{i}"), pool.served(f"c{i}"))
    for thread in threads:
        thread.join()
    arms.close()
    assert len(pool.closed) == len(set(pool.closed)) == 101
