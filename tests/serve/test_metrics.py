"""The numbers that Prometheus reads are those of what was served, and no client can make up a label."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trimtab.serve.metrics import Histogram, route_of


def samples(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    assert len({name for name, _ in lines}) == len(lines)
    return {name: float(value) for name, value in lines}


def test_requests_tokens_and_latencies_are_counted(bench: Callable[..., Any]) -> None:
    made = bench()
    made.ask()
    made.ask(n=2)
    made.ask(temperature=9)
    made.client.get("/made-up/by-a-client")
    response = made.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(response.text)
    answered = f'{{route="/v1/chat/completions",status="200",arm="stable",release="{"a" * 12}"}}'
    assert found[f"trimtab_requests_total{answered}"] == 2
    assert found['trimtab_requests_total{route="/v1/chat/completions",status="400",arm="",release=""}'] == 1
    assert found['trimtab_requests_total{route="other",status="404",arm="",release=""}'] == 1
    assert (found['trimtab_tokens_total{kind="prompt"}'], found['trimtab_tokens_total{kind="completion"}']) == (21, 9)
    assert found['trimtab_answers_total{finish="stop"}'] == 3
    assert found["trimtab_first_token_seconds_count"] == 3
    assert found["trimtab_inter_token_seconds_count"] == 6  # three words an answer, two gaps
    assert (found["trimtab_in_flight"], found["trimtab_traces_lost"]) == (0, 0)


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_counts_what_lies_below_each_bound(values: list[float]) -> None:
    histogram = Histogram((0.5, 1.0, 10.0))
    for value in values:
        histogram.observe(value)
    found = samples("\n".join(histogram.lines("x")))
    for bound in (0.5, 1.0, 10.0):
        assert found[f'x_bucket{{le="{bound}"}}'] == sum(value <= bound for value in values)
    assert found['x_bucket{le="+Inf"}'] == found["x_count"] == len(values)


def test_a_path_is_a_route_or_other() -> None:
    assert route_of("/v1/models/trimtab@abc") == "/v1/models/{model}"
    assert route_of('/x"} 1\n') == "other"
