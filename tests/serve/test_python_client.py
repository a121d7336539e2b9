"""What openai-python is told beside answers: every error class, what to wait for, one call a turn, and aborting."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.serve.sites import Sites, open_sites

from trimtab.engine.grammar import available
from trimtab.tools import make_schema

_CITY = {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"]}
_WEATHER: Any = make_schema("weather", "Weather.", {**_CITY, "additionalProperties": False})


@pytest.fixture(scope="module")
def sites(random_weights: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with open_sites(tmp_path_factory.mktemp("sites"), random_weights) as opened:
        yield opened


def _ask(client: openai.OpenAI, content: str = "hi", **fields: Any) -> Any:
    create: Any = client.chat.completions.create
    return create(**{"model": "trimtab", "messages": [{"role": "user", "content": content}]} | fields)


def test_a_limit_says_when_to_come_back_and_a_spent_budget_that_it_is_spent(sites: Sites) -> None:
    with sites.keyed.client_with(sites.keys["slow"]) as slow, sites.keyed.client_with(sites.keys["broke"]) as broke:
        _ask(slow)
        with pytest.raises(openai.RateLimitError) as limited:
            _ask(slow)
        with pytest.raises(openai.RateLimitError) as spent:
            _ask(broke)
    assert limited.value.code == "rate_limit_exceeded"
    assert int(limited.value.response.headers["retry-after"]) >= 1
    assert spent.value.code == "insufficient_quota"


def test_a_forbidden_model_a_draining_server_and_a_late_answer(sites: Sites) -> None:
    with pytest.raises(openai.NotFoundError), sites.keyed.client_with(sites.keys["narrow"]) as narrow:
        _ask(narrow)
    with pytest.raises(openai.InternalServerError) as draining:
        _ask(sites.draining.client)
    assert (draining.value.status_code, "retry-after" in draining.value.response.headers) == (503, True)
    with pytest.raises(openai.InternalServerError) as late:
        _ask(sites.told.client, "slow", extra_headers={"x-request-timeout-ms": "50"})
    assert (late.value.status_code, late.value.code) == (504, "timeout")
    assert late.value.request_id


def test_a_client_that_loses_patience_frees_its_place(sites: Sites) -> None:
    cancelled = sites.told.model.cancelled
    with pytest.raises(openai.APITimeoutError):
        _ask(sites.told.client.with_options(timeout=0.2), "slow")
    sites.told.until(lambda: sites.told.model.cancelled > cancelled)
    sites.told.until(lambda: sites.told.gateway.idle)


@pytest.mark.skipif(not available(), reason="llguidance is not installed (the constrained extra)")
@pytest.mark.parametrize("seed", range(4))
def test_a_required_call_is_one_call_where_parallel_calls_are_refused(sites: Sites, seed: int) -> None:
    asked: Any = {"tools": [_WEATHER], "tool_choice": "required", "max_tokens": 160, "seed": seed}
    message = _ask(sites.real.client, **asked, parallel_tool_calls=False).choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["weather"]
