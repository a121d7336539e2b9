"""What Prometheus reads: counters and histograms of the requests served, in its text format (version 0.0.4)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trimtab.engine.lookup import Counts
from trimtab.records import Trace

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = 12
_ROUTES = frozenset(
    (
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/models",
        "/v1/feedback",
        "/openapi.json",
        "/health",
        "/ready",
        "/metrics",
    )
)
_FIRST_TOKEN = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_INTER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Histogram:
    """Counts of values up to each of ``bounds`` (seconds), and their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str) -> Iterator[str]:
        totals = list(accumulate(self._counts))
        for bound, total in zip((*map(str, self._bounds), "+Inf"), totals, strict=True):
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {totals[-1]}"


class Metrics:
    """What the process has served since it began. Used on the event loop only."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int, str, str]] = Counter()
        self.tokens: Counter[str] = Counter()
        self.finishes: Counter[str] = Counter()
        self.first_token = Histogram(_FIRST_TOKEN)
        self.inter_token = Histogram(_INTER_TOKEN)

    def trace(self, trace: Trace) -> None:
        """Count one answer."""
        self.tokens["prompt"] += trace.prompt_tokens
        self.tokens["completion"] += trace.completion_tokens
        self.finishes[trace.finish] += 1
        if trace.completion_tokens:
            self.first_token.observe(trace.timing.first_token)

    def text(self, gauges: Mapping[str, float]) -> str:
        """The exposition; ``gauges`` are what holds just now."""
        labels = ("route", "status", "arm", "release")
        requests = {_labels(labels, key): count for key, count in sorted(self.requests.items())}
        lines = [
            *_family("trimtab_requests_total", "counter", requests),
            *_family("trimtab_tokens_total", "counter", _by("kind", self.tokens)),
            *_family("trimtab_answers_total", "counter", _by("finish", self.finishes)),
            *(line for name, value in gauges.items() for line in _family(f"trimtab_{name}", "gauge", {"": value})),
        ]
        for name, histogram in (("first_token", self.first_token), ("inter_token", self.inter_token)):
            lines += [f"# TYPE trimtab_{name}_seconds histogram", *histogram.lines(f"trimtab_{name}_seconds")]
        return "\n".join(lines) + "\n"


class Counted:
    """An ASGI middleware: every answer's route, status, arm and release."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message.get("headers", ()))
                arm = headers.get(b"x-trimtab-arm", b"").decode("latin-1")
                release = headers.get(b"x-trimtab-release", b"").decode("latin-1")[:_PREFIX]
                self._metrics.requests[(route_of(scope["path"]), message["status"], arm, release)] += 1
            await send(message)

        await self._app(scope, receive, counted)


def route_of(path: str) -> str:
    """The route's own name: what clients make up never becomes a label."""
    if path in _ROUTES:
        return path
    return "/v1/models/{model}" if path.startswith("/v1/models/") else "other"


def speculation_lines(counts: Mapping[str, Counts]) -> Iterator[str]:
    """By release: tokens that were proposed and accepted, and rows that the model computed to verify them."""
    samples = {
        _labels(("release", "kind"), (release[:_PREFIX], kind)): getattr(counted, kind)
        for release, counted in counts.items()
        for kind in ("proposed", "accepted", "verified")
    }
    yield from _family("trimtab_speculation_tokens_total", "counter", samples)


def _by(label: str, counts: Mapping[str, int]) -> dict[str, float]:
    return {_labels((label,), (key,)): count for key, count in sorted(counts.items())}


def _labels(names: Iterable[str], values: Iterable[object]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True)) + "}"


def _family(name: str, kind: str, samples: Mapping[str, float]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    for labels, value in samples.items():
        yield f"{name}{labels} {value}"
