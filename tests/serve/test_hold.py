"""A request of several samples is one to its tenant, to admission and to the release: given back once, summed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from trimtab.serve.tenants import Grant, Tenant
from trimtab.serve.tenants.door import AnyTenant, Bound


@dataclass
class Ledger(AnyTenant):
    """A door that writes down what it is asked and told."""

    reserved: list[Bound] = field(default_factory=list)
    settled: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def reserve(self, tenant: Tenant, bound: Bound) -> Grant:
        self.reserved.append(bound)
        return Grant(tenant, bound=bound)

    def settle(self, grant: Grant, tokens: int | None, dollars: float) -> None:
        self.settled.append(tokens)

    def headers(self, tenant: Tenant) -> Mapping[str, str]:
        return {}


def asked(bench: Callable[..., Any], spoken: Any, **fields: Any) -> tuple[Any, Ledger, Any]:
    door = Ledger()
    made = bench(model=spoken, tenants=door)
    return made, door, made.ask(**fields)


def test_samples_are_reserved_together_and_settled_once(bench: Callable[..., Any], model_of: Any) -> None:
    made, door, answer = asked(bench, model_of(), n=3)
    assert answer.status_code == 200
    assert len(door.reserved) == len(door.settled) == 1
    traces = made.settle()
    assert len(traces) == 3
    assert door.settled == [sum(trace.prompt_tokens + trace.completion_tokens for trace in traces)]
    _, alone, _ = asked(bench, model_of())
    assert door.reserved[0].tokens == 3 * alone.reserved[0].tokens
    _is_free(made)


@pytest.mark.parametrize("fields", [{"n": 3}, {"n": 2, "stream": True}, {}])
def test_a_failing_sample_gives_everything_back(
    bench: Callable[..., Any], model_of: Any, fields: dict[str, Any]
) -> None:
    made, door, _ = asked(bench, model_of((RuntimeError("broken"),)), **fields)
    assert len(door.settled) == 1
    made.settle()
    _is_free(made)


def test_what_is_refused_before_it_begins_holds_nothing(bench: Callable[..., Any], model_of: Any) -> None:
    made, door, answer = asked(bench, model_of(), model="unknown")
    assert answer.status_code == 404
    assert not door.reserved
    assert not door.settled
    _is_free(made)


def _is_free(made: Any) -> None:
    now = made.gateway.admission.snapshot()
    assert (now.in_flight, now.queued, now.kv_tokens_held) == (0, 0, 0)
    assert made.gateway.idle
    assert not any(made.gateway.arms._leases.values())
