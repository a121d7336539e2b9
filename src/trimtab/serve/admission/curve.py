"""How long a token takes at which load: seconds = idle + slope × concurrency, followed by a small Kalman filter.

A step of a batching engine costs a fixed part (reading the weights) and a part for every running request, so seconds a
token grow along a line. For such a server throughput over latency is greatest where latency is twice the idle one
(L. Kleinrock, "Power and deterministic rules of thumb for probabilistic problems in computer communications", ICC
1979): that is the knee. The idle latency is never waited for; it is the line's foot. A filter (R. E. Kalman 1960) and
not a regression over the last windows, because at constant load those say nothing about the foot: there its mean
stays and only its variance grows, which tells when a look at another load is due.
"""

from dataclasses import dataclass

_KNEE_GUESS = 16.0  # where the first line is taken to double
_DRIFT = 0.01  # standard deviation of foot and slope a window, as a share of each
_NOISE = 0.05  # of a window's latency at least
_SURPRISE = 9.0  # squared standard deviations beyond which the server has changed
_LEAST_FOOT = 0.05  # of the latency just measured


@dataclass(frozen=True, slots=True)
class Curve:
    """The line and its covariance, in seconds; ``idle_var`` and so on in seconds squared."""

    idle: float
    slope: float
    idle_var: float
    both_cov: float
    slope_var: float

    def at(self, load: float) -> float:
        """Seconds a token with ``load`` requests running."""
        return self.idle + self.slope * load

    @property
    def doubt(self) -> float:
        """Standard deviation of the idle latency as a share of it."""
        return float(self.idle_var**0.5 / self.idle)


def first_curve(load: float, seconds: float) -> Curve:
    """A guess from one measurement, as uncertain as it is."""
    idle = seconds / (1 + load / _KNEE_GUESS)
    slope = idle / _KNEE_GUESS
    return Curve(idle, slope, (0.5 * idle) ** 2, 0.0, slope**2)


def follow(curve: Curve, load: float, seconds: float, spread: float, least_knee: float) -> Curve:
    """The line after a window with ``load`` running on average. ``spread``: the measurement's standard error.

    ``least_knee``: a load at which latency is taken to be no more than double; it keeps a line that was measured at
    one small load only from putting all of its height into the slope.
    """
    noise = max(spread, _NOISE * seconds) ** 2
    moved = _loosened(curve, (_DRIFT * curve.idle) ** 2, 0.0, (_DRIFT * curve.slope) ** 2)
    surprise = seconds - moved.at(load)
    if surprise**2 > _SURPRISE * (_variance(moved, load) + noise):
        moved = _changed(moved)
    gain_idle = moved.idle_var + moved.both_cov * load
    gain_slope = moved.both_cov + moved.slope_var * load
    total = _variance(moved, load) + noise
    idle, slope = moved.idle + gain_idle / total * surprise, max(moved.slope + gain_slope / total * surprise, 0.0)
    if idle < slope * least_knee:
        idle = (idle + slope * load) / (1 + load / least_knee)
        slope = idle / least_knee
    return Curve(
        idle=max(idle, _LEAST_FOOT * seconds),
        slope=slope,
        idle_var=max(moved.idle_var - gain_idle * gain_idle / total, 0.0),
        both_cov=moved.both_cov - gain_idle * gain_slope / total,
        slope_var=max(moved.slope_var - gain_slope * gain_slope / total, 0.0),
    )


def _variance(curve: Curve, load: float) -> float:
    return curve.idle_var + 2 * load * curve.both_cov + load * load * curve.slope_var


def _loosened(curve: Curve, idle_var: float, both_cov: float, slope_var: float) -> Curve:
    return Curve(
        curve.idle,
        curve.slope,
        curve.idle_var + idle_var,
        curve.both_cov + both_cov,
        curve.slope_var + slope_var,
    )


def _changed(curve: Curve) -> Curve:
    """What a server that got slower or faster leaves of our knowledge: likely both parts changed alike, or one did."""
    idle, slope = max(curve.idle, 1e-12), max(curve.slope, curve.idle / (8 * _KNEE_GUESS))
    return _loosened(curve, (0.6 * idle) ** 2, 0.27 * idle * slope, (0.6 * slope) ** 2)
