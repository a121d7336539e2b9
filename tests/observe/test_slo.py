"""Error budgets: a breach needs a long and a short window that both burn."""

from hypothesis import given
from hypothesis import strategies as st

from trimtab.observe import BurnWindow, SloConfig, breaches, budget_left, burn_rate

_SLO = SloConfig(windows=(BurnWindow(long=1000, short=100, burn=10),), success=0.99, min_bad=3)


def _events(bad: int, good: int, at: float) -> list[tuple[float, bool]]:
    return [(at, True)] * bad + [(at, False)] * good


def test_burn_one_uses_the_budget_up() -> None:
    assert burn_rate(1, 100, 0.99) == 1 / 100 / (1 - 0.99)
    assert abs(budget_left(1, 100, 0.99)) < 1e-9
    assert budget_left(0, 100, 0.99) == 1
    assert burn_rate(0, 0, 0.99) == 0


def test_a_fast_burn_in_both_windows_is_a_breach() -> None:
    found = breaches("error", _events(20, 80, at=950), now=1000, config=_SLO)
    assert [(breach.bad, breach.n) for breach in found] == [(20, 100)]
    assert abs(found[0].burn - 20) < 1e-9


def test_what_is_over_is_no_breach() -> None:
    assert breaches("error", _events(20, 80, at=500) + _events(0, 50, at=950), now=1000, config=_SLO) == []


def test_a_blip_is_no_breach() -> None:
    assert breaches("error", _events(0, 900, at=500) + _events(5, 0, at=950), now=1000, config=_SLO) == []


def test_one_bad_request_of_two_is_no_breach_but_three_of_four_are() -> None:
    assert breaches("error", _events(1, 1, at=950), now=1000, config=_SLO) == []
    assert breaches("error", _events(3, 1, at=950), now=1000, config=_SLO) != []


def test_a_lax_target_can_still_be_breached() -> None:
    lax = SloConfig(success=0.5)
    assert {breach.window for breach in breaches("error", _events(9, 0, at=990), now=1000, config=lax)} == set(
        lax.windows
    )


@given(st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=60), st.floats(0.5, 0.999))
def test_breaches_agree_with_the_definition(events: list[tuple[float, bool]], target: float) -> None:
    slo = SloConfig(success=target, windows=_SLO.windows, min_bad=1)
    long = [bad for time, bad in events if 0 < time <= 1000]
    short = [bad for time, bad in events if 900 < time <= 1000]
    rates = [sum(bad) / max(len(bad), 1) / (1 - target) for bad in (long, short)]
    expected = any(long) and min(rates) >= min(10, 0.999 / (1 - target))
    assert bool(breaches("error", events, 1000, slo)) == expected
