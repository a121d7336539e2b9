"""The load: arrivals that wait for nobody, a client that reads whole and chunked answers, an engine of known speed."""

import asyncio
import statistics
from contextlib import suppress
from itertools import pairwise

import pytest
from benchmarks.gateway.client import Answer, Pool, post
from benchmarks.gateway.engines import Batching
from benchmarks.gateway.flood import schedule
from benchmarks.gateway.load import arrivals
from benchmarks.gateway.plan import KINDS, Flood, Scale, blocks
from benchmarks.gateway.servers import Server
from benchmarks.gateway.workload import question

from trimtab.serve.body import chat_request

_CHUNKED = b"HTTP/1.1 200 OK\r\nX-Trimtab-Overhead-Ms: 0.25\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
_WHOLE = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}"


def _ask(reply: bytes, pieces: int) -> Answer:
    """One request to a server that sends ``reply`` in so many pieces, then one more on the same connection."""

    async def main() -> Answer:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n{}"):
                    size = -(-len(reply) // pieces)
                    for i in range(0, len(reply), size):
                        writer.write(reply[i : i + size])
                        await asyncio.sleep(0)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        pool = Pool(f"http://127.0.0.1:{port}")
        request = post(f"http://127.0.0.1:{port}/x", {}, {})
        await asyncio.wait_for(pool.answer(request), 5)
        answer = await asyncio.wait_for(pool.answer(request), 5)
        assert connections == 1, "the connection is kept"
        pool.close()
        server.close()
        await asyncio.sleep(0.02)  # both ends see it
        return answer

    return asyncio.run(main())


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_an_answer_is_read_whole_however_it_arrives(pieces: int) -> None:
    chunked, whole = _ask(_CHUNKED, pieces), _ask(_WHOLE, pieces)
    assert (chunked.status, chunked.header("x-trimtab-overhead-ms")) == (200, "0.25")
    assert (whole.status, whole.body, whole.header("x-trimtab-overhead-ms")) == (429, b"{}", None)
    assert whole.seconds > 0


def test_a_server_that_hangs_up_is_an_answer_too() -> None:
    async def main() -> Answer:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        answer = await asyncio.wait_for(Pool(url).answer(post(f"{url}/x", {}, {})), 5)
        server.close()
        return answer

    assert asyncio.run(main()).status == 0


def test_arrivals_are_a_poisson_process_that_its_seed_fixes() -> None:
    times = arrivals(100, 50, seed=3)
    gaps = [after - before for before, after in pairwise(times)]
    assert times == arrivals(100, 50, seed=3) != arrivals(100, 50, seed=4)
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.1)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.1), "as wide as their mean"


def test_the_flood_offers_ten_times_the_capacity_in_order() -> None:
    flood = Flood()
    offered = list(schedule(flood.rates, 60, seed=1))
    assert [at for at, _ in offered] == sorted(at for at, _ in offered)
    assert len(offered) / 60 == pytest.approx(10 * flood.capacity, rel=0.05)
    assert flood.rates["modest"] < flood.capacity / 8, "below its fair share"


def test_every_side_of_a_round_sees_the_same_arrivals_and_each_round_begins_with_another() -> None:
    servers = {side: Server(f"http://{side}", 1) for side in ("direct", "ours", "ours_http", "litellm")}
    plan = blocks(servers, Scale(rounds=3))
    each = sum(len(kind.sides) for kind in KINDS)
    assert len(plan) == 4 * each
    rounds = [plan[i : i + each] for i in range(each, 4 * each, each)]
    assert len({(first[0].side, first[0].kind) for first in rounds}) == 3
    assert all(len({block.seed for block in one}) == 1 for one in rounds)
    assert len({(block.side, block.kind) for block in rounds[0]}) == each


def test_what_is_asked_is_a_request_that_the_gateway_takes() -> None:
    assert [message.role for message in chat_request(question()).messages] == ["user", "assistant", "tool"]
    assert chat_request(question(stream=True)).stream


def test_a_batching_engine_is_as_fast_as_it_says() -> None:
    """Twelve requests of five tokens on an engine with room for four: three times as long as four of them."""

    async def main() -> tuple[float, float]:
        engine, loop = Batching(0.002, 4, 5), asyncio.get_running_loop()
        took = []
        for count in (4, 12):
            began = loop.time()
            await asyncio.gather(*(engine(()) for _ in range(count)))
            took.append(loop.time() - began)
        return took[0], took[1]

    few, many = asyncio.run(main())
    assert few >= 5 * 0.002 * 0.9
    assert many >= 15 * 0.002 * 0.9
