"""A body that was read to choose its product is the same to the gateway, and what never comes is not waited for."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.serve.errors import ApiError
from trimtab.serve.products.labels import merged
from trimtab.serve.products.reading import Body


def wire(parts: Sequence[bytes]) -> list[Mapping[str, Any]]:
    bodies = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    return [*bodies, {"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]


def of(messages: Sequence[Mapping[str, Any]]) -> Body:
    left = list(messages)

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return Body(receive)


@given(parts=st.lists(st.binary(max_size=20), max_size=8), limit=st.integers(0, 100))
def test_whatever_was_read_the_gateway_reads_every_message_in_order(parts: list[bytes], limit: int) -> None:
    messages = wire(parts)

    async def both() -> tuple[bytes, list[Any]]:
        body = of(messages)
        return await body.read(limit, 5.0), [await body() for _ in messages]

    read, replayed = asyncio.run(both())
    assert replayed == messages
    whole = b"".join(parts)
    assert whole.startswith(read)
    assert read == whole or len(read) > limit


def test_a_client_that_leaves_is_noticed_again_by_the_gateway() -> None:
    messages: list[Mapping[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def both() -> tuple[bytes, list[Any]]:
        body = of(messages)
        return await body.read(100, 5.0), [await body() for _ in messages]

    assert asyncio.run(both()) == (b"{", messages)


def test_a_body_that_does_not_come_is_told_so() -> None:
    async def read() -> None:
        await of([{"type": "http.request", "body": b"{", "more_body": True}]).read(100, 0.01)

    with pytest.raises(ApiError) as told:
        asyncio.run(read())
    assert (told.value.status, told.value.code) == (408, "timeout")


def test_merged_expositions_keep_every_sample_and_value() -> None:
    histogram = '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 0.5\nh_count 2\n'
    one = f'# TYPE a counter\na{{x="1"}} 3\n{histogram}# TYPE g gauge\ng 1\n'
    two = "# TYPE a counter\na 4\n# TYPE only gauge\nonly{} 9\n"
    assert merged({"shop": one, "desk": two}).splitlines() == [
        "# TYPE a counter",
        'a{product="shop",x="1"} 3',
        'a{product="desk"} 4',
        "# TYPE h histogram",
        'h_bucket{product="shop",le="+Inf"} 2',
        'h_sum{product="shop"} 0.5',
        'h_count{product="shop"} 2',
        "# TYPE g gauge",
        'g{product="shop"} 1',
        "# TYPE only gauge",
        'only{product="desk"} 9',
    ]
