"""Schemathesis over our own document: no failure, no status, content type or answer that the document does not know.

``TRIMTAB_CASES`` is how many cases (``make fuzz``: 5,000); half fit the document and half do not.
"""

import copy
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.serve.conftest import Memory
from tests.serve.embedding import Letters
from tests.serve.test_client import Site

from trimtab.serve import Gateway
from trimtab.serve.openapi import document
from trimtab.tools import Limits

requests: Any = pytest.importorskip("requests", reason="schemathesis is not installed (make setup)")
schemathesis: Any = pytest.importorskip("schemathesis", reason="schemathesis is not installed (make setup)")

_CASES = int(os.environ.get("TRIMTAB_CASES", "300"))
_SHARES = {
    "/v1/chat/completions": 0.45,
    "/v1/completions": 0.2,
    "/v1/feedback": 0.15,
    "/v1/models/{model}": 0.1,
    "/v1/embeddings": 0.1,
}
"""Of the cases; a route without anything to vary has one."""


@pytest.fixture(scope="module")
def fuzzed(random_weights: Any) -> Iterator[Site]:
    """A real engine that says little."""
    gateway = Gateway(Memory())
    gateway.embedder = Letters()
    assistant = replace(random_weights.assistant, limits=Limits(tokens=6))
    gateway.set_arms(replace(random_weights, assistant=assistant))
    site = Site(gateway, None, gateway.outbox)
    yield site
    site.stop()


def _checks() -> list[Any]:
    ours: Any = import_module("schemathesis.specs.openapi.checks")
    return [
        schemathesis.checks.not_a_server_error,
        ours.status_code_conformance,
        ours.content_type_conformance,
        ours.response_schema_conformance,
    ]


def _operations(site: Site) -> list[Any]:
    """The document's, with a model and an answer that are there where any text would do."""
    described = copy.deepcopy(document())
    schemas = described["components"]["schemas"]
    for kind in ("ChatBody", "CompletionBody"):
        schemas[kind]["properties"]["model"] = {"enum": site.gateway.arms.models()}
    call = schemas["Message"]["anyOf"][2]["properties"]["tool_calls"]["items"]
    call["properties"]["function"]["properties"]["arguments"] = {"type": "object"}
    schemas["EmbeddingBody"]["properties"]["model"] = {"enum": [site.gateway.embedding_model]}
    schemas["FeedbackBody"]["properties"]["trace"] = {"enum": [_answered(site)]}
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=site.url)
    return [found.ok() for found in schema.get_all_operations()]


def _answered(site: Site) -> str:
    answer = site.client.chat.completions.create(model="trimtab", messages=[{"role": "user", "content": "hi"}])
    return answer.id


def _fuzz(operation: Any, cases: int, session: Any) -> Counter[int]:
    """How often each status was answered. Raises what schemathesis finds."""
    seen: Counter[int] = Counter()
    checks = _checks()

    modes = list(schemathesis.GenerationMode) if operation.body else [schemathesis.GenerationMode.POSITIVE]
    for mode in modes:

        @settings(
            max_examples=max(1, -(-cases // len(modes))),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: Any) -> None:
            seen[case.call_and_validate(checks=checks, session=session).status_code] += 1

        answers()
    return seen


def test_no_case_brings_a_failure_or_an_answer_that_is_not_in_the_document(fuzzed: Site) -> None:
    seen: dict[str, Counter[int]] = {}
    with requests.Session() as session:
        for operation in _operations(fuzzed):
            seen[operation.label] = _fuzz(operation, round(_CASES * _SHARES.get(operation.path, 0)), session)
    total = sum(sum(counts.values()) for counts in seen.values())
    print(f"\n{total} cases: " + "; ".join(f"{label} {dict(counts)}" for label, counts in seen.items()))
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/feedback"):
        assert seen[f"POST {path}"][200] > 0
        assert seen[f"POST {path}"][400] > 0
    fuzzed.until(lambda: fuzzed.gateway.idle)
    assert not +fuzzed.gateway.arms._leases


def test_a_failure_and_an_answer_of_another_shape_would_be_found(fuzzed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (models,) = [operation for operation in _operations(fuzzed) if operation.path == "/v1/models"]
    for broken in ({"object": "list"}, RuntimeError("lost")):

        def answer(request: Any, tenant: Any, broken: Any = broken) -> Any:
            if isinstance(broken, Exception):
                raise broken
            return broken

        monkeypatch.setattr(fuzzed.gateway, "_models", answer)
        with requests.Session() as session, pytest.raises(BaseExceptionGroup):
            _fuzz(models, 1, session)
