"""The limit finds the knee of an engine whose capacity is known, follows it, and grows only where it is used."""

from statistics import median

import pytest
from tests.serve.admission.sim import Seconds, Source, World, line, wall

from trimtab.serve.admission import AdmissionConfig, Limiter
from trimtab.serve.admission.curve import Curve, first_curve, follow

_ASK = Source("a", 0.0)


def _rests_at(world: World, clients: int = 160, seconds: float = 60.0) -> float:
    """Where the limit lies after so long under more clients than the engine can serve: the median of ten looks."""
    world.keep_busy(clients, seconds, _ASK)
    looks = []
    for _ in range(10):
        world.keep_busy(clients, 3.0, _ASK)
        looks.append(world.controller.limiter.limit)
    return median(looks)


def _world(engine: Seconds, noise: float = 0.1, seed: int = 0, tolerance: float = 2.0) -> World:
    return World(engine, AdmissionConfig(latency_tolerance=tolerance), most=128, noise=noise, seed=seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("engine", "knee"), [(line(0.02, 16), 16), (line(0.02, 40), 40), (line(0.002, 40), 40), (wall(0.02, 16), 16)]
)
def test_the_limit_converges_near_the_knee(engine: Seconds, knee: int, seed: int) -> None:
    assert knee / 2 <= _rests_at(_world(engine, seed=seed)) <= 2 * knee


def test_a_higher_tolerance_trades_latency_for_throughput() -> None:
    low, high = (_rests_at(_world(line(0.02, 16), noise=0.0, tolerance=tolerance)) for tolerance in (2.0, 3.0))
    assert low == pytest.approx(16, rel=0.2), "idle × (1 + n/16) = 2 × idle"
    assert high == pytest.approx(32, rel=0.3), "idle × (1 + n/16) = 3 × idle"


@pytest.mark.parametrize(
    ("before", "after", "knee"),
    [
        (wall(0.02, 32), wall(0.02, 16), 16),
        (line(0.02, 40), line(0.02, 20), 20),
        (line(0.02, 16), line(0.04, 16), 16),
        (line(0.02, 10), line(0.02, 20), 20),
    ],
    ids=["half the slots", "half the knee", "all twice as slow", "twice the knee"],
)
def test_the_limit_follows_a_change_of_capacity(before: Seconds, after: Seconds, knee: int) -> None:
    world = _world(before)
    world.keep_busy(160, 60.0, _ASK)
    world.engine = after
    assert knee / 2 <= _rests_at(world) <= 2 * knee


def test_noise_moves_it_little() -> None:
    rests = [_rests_at(_world(line(0.02, 16), noise=0.3, seed=seed)) for seed in range(5)]
    assert 16 / 2 <= median(rests) <= 2 * 16


def test_it_does_not_grow_where_it_is_not_used() -> None:
    limiter = Limiter(2, 100, tolerance=3.0, window=0.5, start=20)
    for number in range(1000):
        limiter.ended(number / 10, load=3.0, seconds=1.0, work=50.0)
    assert limiter.limit == 20
    for number in range(1000, 2000):
        limiter.ended(number / 10, load=limiter.limit, seconds=1.0, work=50.0)
    assert limiter.limit > 20, "the same latency at full use does let it grow"


def test_it_stays_within_its_bounds() -> None:
    limiter = Limiter(4, 8, tolerance=2.0, window=0.1, start=6)
    for number in range(2000):
        limiter.ended(number / 10, load=limiter.limit, seconds=1.0, work=50.0)
        assert 4 <= limiter.limit <= 8
    for number in range(2000, 2100):
        limiter.lost(number / 10)
        assert 4 <= limiter.limit <= 8
    assert Limiter(4, 1, tolerance=2.0, window=0.1).limit == 1, "the upper bound is the stronger one"


def test_lost_requests_lower_it_once_a_window() -> None:
    limiter = Limiter(1, 100, tolerance=2.0, window=1.0, start=100)
    for _ in range(50):
        limiter.lost(0.0)
    assert limiter.limit == 90


def test_a_request_that_did_no_work_is_no_measurement() -> None:
    limiter = Limiter(1, 100, tolerance=2.0, window=0.1, start=50)
    for number in range(100):
        limiter.ended(float(number), load=50.0, seconds=9.0, work=0.0)
    assert (limiter.curve, limiter.limit) == (None, 50)


def test_the_line_is_found_from_two_loads_and_kept_at_one() -> None:
    curve = first_curve(10, 0.06)
    for number in range(200):
        load = 10 if number % 2 else 40
        curve = follow(curve, load, 0.02 * (1 + load / 20), 0.0, 1)
    assert curve.idle == pytest.approx(0.02, rel=0.1)
    assert curve.slope == pytest.approx(0.001, rel=0.1)
    sure = curve.doubt
    for _ in range(300):
        curve = follow(curve, 40, 0.06, 0.0, 1)
    assert curve.idle == pytest.approx(0.02, rel=0.1), "one load alone says nothing of the foot"
    assert curve.doubt > sure, "but the doubt grows"


def test_one_small_load_does_not_put_all_of_its_latency_into_the_slope() -> None:
    stuck = Curve(idle=0.001, slope=0.01, idle_var=1e-12, both_cov=0.0, slope_var=1e-12)
    freed = follow(stuck, 2.0, 0.021, 0.0, 4)
    assert freed.at(2.0) == pytest.approx(0.021, rel=0.01)
    assert freed.idle == pytest.approx(4 * freed.slope), "latency at a load of four is no more than double"
