"""A real server told to stop: it answers what is under way, turns the new away, and only then closes its port."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn

from trimtab.serve import Gateway, ServeConfig, bind, create_app, url_of
from trimtab.serve.server import _Server

_ASK = {"model": "trimtab", "messages": [{"role": "user", "content": "hi"}]}


class Site:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        listener = bind("127.0.0.1", 0)
        self.address = listener.getsockname()[:2]
        self.client = httpx.Client(base_url=url_of(listener), timeout=20, verify=False)
        config = uvicorn.Config(create_app(gateway), log_level="error", timeout_graceful_shutdown=5)
        self.server = _Server(config, gateway)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    def ask(self) -> httpx.Response:
        return self.client.post("/v1/chat/completions", json=_ASK)

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("it never came to that")


@pytest.fixture
def site(served: Callable[..., Any], model_of: Any, memory_of: Any) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(pause: float, **config: Any) -> Site:
        gateway = Gateway(memory_of(), config=ServeConfig(**config))
        gateway.set_arms(served("a" * 64, model_of(["one two three four five"], pause)))
        sites.append(Site(gateway))
        return sites[-1]

    yield make
    for one in sites:
        one.server.should_exit = True
        one.thread.join()
        one.client.close()


def test_stopped_it_answers_who_is_there_and_turns_the_new_away(site: Callable[..., Site]) -> None:
    here = site(0.1, max_in_flight=1, admission={"min_in_flight": 1})
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(here.ask) for _ in range(2)]
        here.until(lambda: here.gateway.admission.snapshot().queued == 1)
        here.server.handle_exit(signal.SIGTERM, None)
        here.until(lambda: here.gateway.admission.draining)
        turned_away = here.ask()
        ready = here.client.get("/ready")
        assert [answer.result().status_code for answer in answers] == [200, 200], "running and waiting, both end"
    assert (turned_away.status_code, turned_away.headers["retry-after"]) == (503, "5")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    here.thread.join(10)
    assert not here.thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        here.ask()


def test_idle_it_stops_at_once_and_a_second_signal_does_not_wait(site: Callable[..., Site]) -> None:
    idle = site(0.0)
    idle.until(lambda: idle.server.started)
    idle.server.handle_exit(signal.SIGINT, None)
    idle.thread.join(10)
    assert not idle.thread.is_alive()
    busy = site(0.1)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(busy.ask)
        busy.until(lambda: busy.gateway.admission.snapshot().in_flight == 1)
        busy.server.handle_exit(signal.SIGTERM, None)
        busy.until(lambda: busy.gateway.admission.draining)
        assert not busy.server.should_exit
        busy.server.handle_exit(signal.SIGTERM, None)
        busy.until(lambda: busy.server.should_exit)
        assert answer.result().status_code == 200, "what is under way has its time even then"


def test_a_flood_is_refused_while_the_one_under_way_holds_its_place(site: Callable[..., Site]) -> None:
    here = site(60.0, max_in_flight=1, admission={"min_in_flight": 1, "queue": 0})
    body = json.dumps(_ASK)
    with socket.create_connection(here.address) as first:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        first.sendall((head + body).encode())
        here.until(lambda: here.gateway.admission.snapshot().in_flight == 1)
        with ThreadPoolExecutor(8) as pool:
            flood = [answer.result() for answer in [pool.submit(here.ask) for _ in range(40)]]
        assert {answer.status_code for answer in flood} == {429}
        assert all(answer.headers["retry-after"] == "1" for answer in flood)
        assert here.gateway.admission.snapshot().in_flight == 1, "no refusal waited for it"
    here.until(lambda: here.gateway.admission.snapshot().in_flight == 0)
    assert here.gateway.admission.snapshot().refused == {"tenant_queue": 40}
