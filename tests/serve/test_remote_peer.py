"""Trimtab in front of Trimtab: the gateway is a server like any other to the engine that speaks to servers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Memory, make_served
from tests.serve.sites import Told
from tests.serve.test_client import Site

from trimtab.engine import Chat, Request, Sampling, TorchEngine, generate, open_engine
from trimtab.engine.remote_link import Endpoint
from trimtab.model import Dialect, tiny_random_model
from trimtab.records import Message
from trimtab.serve import Gateway, Served
from trimtab.tools import Assistant

TEXTS = ("Hello there.", "How late is it?", "Ünïcödé 😀", "Sum 1 and 2", "The lamp", "is", "Grüezi", "Name a city.")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("peer") / "tiny")


def _site(served: Served) -> Site:
    gateway = Gateway(Memory(), tenants={"key-1": "acme"}.get)
    gateway.set_arms(served)
    return Site(gateway, None, None)


@pytest.fixture(scope="module")
def local(tiny: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(tiny)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def through(tiny: Path, local: TorchEngine) -> Iterator[Any]:
    """An engine whose server is a gateway over ``local``."""
    chat = Chat(local, Dialect.of(tiny))
    site = _site(Served("c" * 64, Assistant(chat.reply), complete=chat.complete))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEER_KEY", "key-1")
        engine = open_engine("openai", tiny, endpoint=Endpoint(f"{site.url}/v1", "trimtab", "PEER_KEY", 60.0))
    yield engine
    engine.close()
    site.stop()


def test_greedy_answers_are_the_local_engines_word_for_word(tiny: Path, local: TorchEngine, through: Any) -> None:
    dialect, greedy = Dialect.of(tiny), Sampling(24)

    async def answers(engine: Any) -> list[str]:
        asked = [Chat(engine, dialect).complete(text, greedy) for text in TEXTS]
        return [reply.text.strip() for reply in await asyncio.gather(*asked)]

    ours, theirs = asyncio.run(answers(local)), asyncio.run(answers(through))
    assert any(ours)
    assert theirs == ours


def test_a_chat_goes_through_with_its_turns(tiny: Path, local: TorchEngine, through: Any) -> None:
    dialect, turns = Dialect.of(tiny), [Message("user", "hi"), Message("assistant", "yes?"), Message("user", "go on")]
    found = [asyncio.run(Chat(one, dialect).reply(turns, (), Sampling(16))) for one in (local, through)]
    assert found[0].message.content == found[1].message.content
    assert found[0].prompt_tokens == found[1].prompt_tokens
    assert found[1].finish in ("stop", "length")


def test_what_the_gateway_refuses_is_said_in_its_words(through: Any) -> None:
    (found,) = generate(through, [Request((5,), Sampling(temperature=9.0))])
    assert found.finish == "error"
    assert "400: temperature" in found.error


def test_letting_go_frees_the_gateways_place(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEER_KEY", "key-1")
    told = Told()
    site = _site(make_served("a" * 64, told))  # type: ignore[arg-type]
    engine = open_engine("openai", tiny, endpoint=Endpoint(f"{site.url}/v1", "trimtab", "PEER_KEY", 60.0))
    try:
        handle = engine.submit(Request(tuple(Dialect.of(tiny).ids("slow"))), lambda chunk: None)
        site.until(lambda: told.running == 1)
        handle.cancel()
        site.until(lambda: told.cancelled == 1 and site.gateway.idle)
    finally:
        engine.close()
        site.stop()
