"""Budgets are divided in one transaction: gateways at once draw no more than there is, and a kill hides nothing."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trimtab.store import Draw, KeyRecord, Spend, Store, Written

_DAY = "2026-12-31"


def test_many_gateways_draw_no_more_than_there_is(tmp_path: Path) -> None:
    def draw(number: int) -> float:
        wish = Draw(str(number), "acme", _DAY, need=0.5, want=1.5, daily=10.0, alone=True)
        with Store.open(tmp_path) as store:
            return store.spending.draw(wish, time=0.0).dollars

    Store.open(tmp_path).close()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(draw, range(16))) == 10.0


def test_a_month_is_the_sum_of_its_days_and_a_tenant_is_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        spending = store.spending
        rows = [Written("acme", day, Spend(4.0, 1, 10), 0.0) for day in ("2026-11-30", "2026-12-01", "2026-12-30")]
        spending.write("a", [*rows, Written("other", _DAY, Spend(100.0, 1, 1), 0.0)], time=0.0)
        assert spending.draw(Draw("a", "acme", _DAY, 1.0, 8.0, daily=5.0, monthly=10.0), time=0.0).dollars == 2.0
        assert spending.draw(Draw("a", "acme", _DAY, 1.0, 1.0, monthly=8.0), time=0.0).shortage == "month"
        assert spending.draw(Draw("a", "acme", _DAY, 1.0, 1.0, daily=0.0), time=0.0).shortage == "day"
        assert spending.draw(Draw("b", "acme", _DAY, 1.0, 1.0, daily=2.5, alone=True), time=0.0).shortage == "held"
        assert spending.spent("acme", "2026-12-01").keys() == {"2026-12-01", "2026-12-30"}


def test_holds_of_the_dead_become_spend_and_those_of_the_living_stay(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for owner in ("dead", "alive"):
            store.spending.draw(Draw(owner, "acme", _DAY, 1.0, 1.0), time=0.0)
        store.spending.write("alive", [], time=50.0)
        assert store.spending.absorb(before=40.0) == 1
        assert (store.spending.held("acme"), store.spending.spent("acme")[_DAY].dollars) == (1.0, 1.0)


def test_keys_are_listed_revoked_once_and_read_with_their_tenants(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.tenants.put("acme", {"parallel": 1}, time=1.0)
        store.tenants.put("acme", {"parallel": 2}, time=2.0)
        for name in ("x", "y"):
            store.tenants.add_key(KeyRecord(name, f"tt-{name}", "acme", 1.0, expires=9.0))
        assert [store.tenants.revoke(["x"], time=5.0) for _ in range(2)] == [1, 0]
    with Store.open(tmp_path) as store:
        snapshot = store.tenants.snapshot()
        assert snapshot.tenants == {"acme": {"parallel": 2}}
        assert [key.is_valid(6.0) for key in snapshot.keys] == [False, True]
        assert not snapshot.keys[1].is_valid(9.0)
        assert (len(store.tenants.list_keys("acme")), store.tenants.list_keys("other")) == (2, [])


_WORKER = """
import sys
from pathlib import Path
from trimtab.store import Draw, Spend, Store, Written

store = Store.open(Path(sys.argv[1]))
while True:
    drawn = store.spending.draw(Draw("w", "acme", "2026-12-31", 1.0, 1.0), time=0.0)
    print("spent", flush=True)
    store.spending.write("w", [Written("acme", "2026-12-31", Spend(1.0, 1, 1), 1.0)], time=0.0)
"""


def test_whatever_was_spent_before_a_kill_is_on_record_after_it(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    with worker.stdout:
        assert worker.stdout.readline() == b"spent\n"
        time.sleep(0.1)
        worker.send_signal(signal.SIGKILL)
        spent = 1 + worker.stdout.read().count(b"spent\n")
        worker.wait()
    with Store.open(tmp_path) as store:
        store.spending.absorb(before=1.0)
        assert spent > 1, "the kill came too early to prove anything"
        assert spent <= store.spending.spent("acme")[_DAY].dollars <= spent + 1
