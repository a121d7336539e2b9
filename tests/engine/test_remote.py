"""An engine over HTTP answers as the server does, says what a bad server did, and never hangs."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.peer import DONE, Answer, Handler, Peer, event, serving, text_event

from trimtab.engine import Chat, Chunk, Completion, Form, Request, Sampling, Unsupported, generate
from trimtab.engine.constraint import Constraint
from trimtab.engine.remote_link import Endpoint
from trimtab.engine.remote_servers import OpenAiEngine
from trimtab.model import Dialect
from trimtab.records import Message


class Naps:
    """A sleep that takes no time and remembers how long it would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@contextmanager
def remote(peer: Peer, folder: Path, *, seconds: float = 10.0, naps: Naps | None = None) -> Iterator[OpenAiEngine]:
    with serving(peer):
        engine = OpenAiEngine(folder, endpoint=Endpoint(peer.url, "m", "", seconds), sleep=naps or Naps())
        try:
            yield engine
        finally:
            engine.close()


@pytest.fixture
def prompt(dialect: Dialect) -> tuple[int, ...]:
    return tuple(dialect.encode([Message("user", "hi")], reply=True))


def streams(*parts: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin()
        handler.say(*parts)

    return answer


def status(number: int, message: str = "no", **headers: str) -> Answer:
    return lambda handler: handler.whole(number, {"error": {"message": message}}, **headers)


FINE = streams(text_event("fi"), text_event("ne", "stop"), DONE)


def text_of(dialect: Dialect, completion: Completion) -> str:
    return dialect.decode(completion.token_ids)


def test_text_goes_out_as_the_dialect_spells_it_and_comes_back_as_our_ids(
    tiny: Path, dialect: Dialect, prompt: tuple[int, ...]
) -> None:
    peer = Peer([streams(text_event("grüß "), text_event("😀"), text_event("", "length"), DONE)])
    sampling = Sampling(7, 0.5, 0.9, seed=3, stop_ids=dialect.stop_ids)
    with remote(peer, tiny) as engine:
        (found,) = generate(engine, [Request(prompt, sampling)])
        assert found.weights == f"openai:m@{peer.url}"
    assert (found.finish, found.logprobs, text_of(dialect, found)) == ("length", (), "grüß 😀")
    stops = [dialect.decode([number]) for number in dialect.stop_ids]
    asked = {"model": "m", "prompt": dialect.decode(prompt), "stream": True, "max_tokens": 7, "temperature": 0.5}
    assert peer.seen == [asked | {"top_p": 0.9, "seed": 3, "stop": stops}]


def lines_of(text: str) -> list[tuple[str, bool]]:
    """The lines of one event, and which is its last."""
    lines = text.split("\n")
    return [(line, number == len(lines)) for number, line in enumerate(lines, 1)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=4), st.data())
def test_how_the_bytes_are_cut_changes_no_answer(
    shared: tuple[Peer, OpenAiEngine], dialect: Dialect, pieces: list[str], data: st.DataObject
) -> None:
    peer, engine = shared
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    values = [json.loads(row[6:]) for row in [*map(text_event, pieces), text_event("!", "stop")]]
    texts = [json.dumps(value, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=False) for value in values]
    stream = "".join(f"data: {line}{end}" + end * last for text in texts for line, last in lines_of(text)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    peer.answers = [streams(*(stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)))]
    (found,) = generate(engine, [Request((5,))])
    expected = [number for piece in [*pieces, "!"] for number in dialect.ids(piece)]
    assert (found.finish, list(found.token_ids), found.error) == ("stop", expected, "")


@pytest.fixture(scope="module")
def shared(tiny: Path) -> Iterator[tuple[Peer, OpenAiEngine]]:
    peer = Peer([FINE])
    with remote(peer, tiny) as engine:
        yield peer, engine


def cut_short(handler: Handler) -> None:
    handler.begin()
    handler.say(text_event("so"))
    time.sleep(0.05)
    handler.reset()


def chunked_and_cut(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    data = text_event("so")
    handler.say(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.close_connection = True


def stalls(handler: Handler) -> None:
    handler.begin()
    handler.say(text_event("so"), b": still working\n\n")
    handler.wait_for_goodbye()


BAD: dict[str, tuple[Answer, str]] = {
    "no end": (streams(text_event("so")), "ended before the answer did"),
    "end mark without a finish": (streams(text_event("so"), DONE), "ended before the answer did"),
    "reset": (cut_short, "broke off"),
    "cut within a chunk": (chunked_and_cut, "broke off"),
    "stall": (stalls, "nothing came for 0.3 s"),
    "garbage": (streams(text_event("so"), b"data: {oops\n\n"), "no JSON"),
    "a list": (streams(text_event("so"), b"data: [1]\n\n"), "no JSON object"),
    "no choices": (streams(text_event("so"), b'data: {"choices": 3}\n\n'), "no completion"),
    "half a character": (streams(text_event("so"), text_event("\ud83d")), "half a character"),
    "no UTF-8": (streams(text_event("so"), b"data: \xff\n\n"), "no UTF-8"),
    "a number for a text": (streams(event({"choices": [{"text": 5}]})), "no text"),
    "an error in the stream": (streams(text_event("so"), event({"error": {"message": "lost it"}})), "lost it"),
    "a filter": (streams(text_event("so", "content_filter")), "content_filter"),
    "no stream": (lambda handler: handler.whole(200, {"choices": []}), "answered application/json"),
    "a key it does not know": (status(401, "bad key"), r"401: bad key \(no key was sent"),
    "a prompt too long": (status(400, "maximum context length is 8"), "400: maximum context length is 8"),
    "no such route": (status(404, "Not Found"), "/completions answered 404"),
    "a redirect": (status(307), "answered 307"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_an_error_that_says_what(name: str, tiny: Path, prompt: tuple[int, ...]) -> None:
    answer, words = BAD[name]
    peer, naps = Peer([answer]), Naps()
    with remote(peer, tiny, seconds=0.3 if name == "stall" else 10.0, naps=naps) as engine:
        (found,) = generate(engine, [Request(prompt)])
    assert found.finish == "error"
    assert re.search(words, found.error), found.error
    assert (len(peer.seen), naps.taken) == (1, [])


def test_an_answer_is_whole_with_its_finish_whether_or_not_the_end_mark_comes(
    tiny: Path, prompt: tuple[int, ...]
) -> None:
    usage = event({"choices": [], "usage": None})
    for rest in ((), (DONE,), (usage, DONE), (b"data: {oops\n\n",)):
        with remote(Peer([streams(text_event("ok", "stop"), *rest)]), tiny) as engine:
            assert generate(engine, [Request(prompt)])[0].finish == "stop"


def test_cancelling_closes_the_connection(tiny: Path, prompt: tuple[int, ...]) -> None:
    chunks, begun, over = list[Chunk](), threading.Event(), threading.Event()

    def once_begun(handler: Handler) -> None:
        begun.wait(5)
        stalls(handler)

    peer = Peer([once_begun])

    def take(chunk: Chunk) -> None:
        chunks.append(chunk)
        if chunk.finish is None:
            handle.cancel()
        else:
            over.set()

    with remote(peer, tiny, seconds=30) as engine:
        handle = engine.submit(Request(prompt), take)
        begun.set()
        assert over.wait(10)
        assert peer.gone.wait(10)
        handle.cancel()
    assert [chunk.finish for chunk in chunks] == [None, "cancelled"]


def test_a_request_that_is_cancelled_before_it_goes_out_ends_too_and_never_goes_out(
    tiny: Path, prompt: tuple[int, ...]
) -> None:
    peer, gate = Peer([FINE]), threading.Event()
    finishes: list[str | None] = []
    with remote(peer, tiny) as engine:
        engine.post(lambda: gate.wait(5))
        handle = engine.submit(Request(prompt), lambda chunk: finishes.append(chunk.finish))
        handle.cancel()
        gate.set()
        engine.close()
    assert finishes == ["cancelled"]
    assert peer.seen == []


def test_a_caller_that_fails_to_take_a_chunk_loses_its_request_alone(tiny: Path, prompt: tuple[int, ...]) -> None:
    def fail(chunk: Chunk) -> None:
        raise ValueError("no")

    peer = Peer([stalls, FINE])
    with remote(peer, tiny, seconds=30) as engine:
        engine.submit(Request(prompt), fail)
        assert peer.gone.wait(10)
        assert generate(engine, [Request(prompt)])[0].finish == "stop"


def test_many_at_once_each_get_their_own_answer(tiny: Path, dialect: Dialect) -> None:
    def echo(handler: Handler) -> None:
        handler.begin()
        handler.say(*(text_event(character) for character in handler.asked["prompt"]), text_event("", "stop"), DONE)

    peer = Peer([echo])
    texts = [f"prompt number {number}" for number in range(24)]
    with remote(peer, tiny) as engine:
        found = generate(engine, [Request(tuple(dialect.ids(text))) for text in texts])
    assert [text_of(dialect, completion) for completion in found] == texts


def test_closing_cancels_what_runs_and_leaves_no_thread(tiny: Path, prompt: tuple[int, ...]) -> None:
    before = set(threading.enumerate())
    peer, finishes, begun = Peer([stalls]), list[str | None](), threading.Event()

    def take(chunk: Chunk) -> None:
        finishes.append(chunk.finish)
        begun.set()

    with remote(peer, tiny, seconds=30) as engine:
        engine.submit(Request(prompt), take)
        assert begun.wait(10)
        engine.submit(Request(prompt), take)  # may not have begun
        engine.close()
        engine.close()
        assert finishes.count("cancelled") == 2
        assert "remote-engine" not in {thread.name for thread in set(threading.enumerate()) - before}
        late = generate(engine, [Request(prompt)])[0]
    assert (late.finish, late.error) == ("error", "the engine is closed")


def test_what_text_cannot_carry_is_refused(shared: tuple[Peer, OpenAiEngine], dialect: Dialect) -> None:
    _, engine = shared
    constraint = Constraint(Form("json_schema", "{}"))
    split = (*dialect.ids("h"), *dialect.ids("e"), *dialect.ids("llo"))
    merged = Request(split if tuple(dialect.ids("hello")) != split else (0,) * 3)
    for request in (
        Request((5,), constraint=constraint),
        Request((5,), adapter="a"),
        Request((5,), Sampling(top_logprobs=0)),
    ):
        with pytest.raises(Unsupported):
            engine.submit(request, print)
    if tuple(dialect.ids(dialect.decode(merged.prompt_ids))) != merged.prompt_ids:
        with pytest.raises(Unsupported, match="no text stands"):
            engine.submit(merged, print)
    with pytest.raises(Unsupported):
        engine.score((5,), (6,))
    with pytest.raises(Unsupported, match="log-probs"):
        asyncio.run(Chat(engine, dialect).reply([Message("user", "hi")], sampling=Sampling(top_logprobs=0)))
    assert "max_tokens" in generate(engine, [Request((5,), Sampling(max_tokens=0))])[0].error


def test_a_chat_over_a_remote_engine_stops_at_its_stop_string_and_frees_the_server(
    tiny: Path, dialect: Dialect
) -> None:
    def says(handler: Handler) -> None:
        handler.begin()
        handler.say(text_event("one two "), text_event("three"))
        handler.wait_for_goodbye()

    peer, seen = Peer([says]), list[str]()
    with remote(peer, tiny, seconds=30) as engine:
        reply = Chat(engine, dialect).reply([Message("user", "hi")], (), Sampling(stop=("three",)), seen.append)
        found = asyncio.run(reply)
        assert peer.gone.wait(10)
    assert (found.message.content, "".join(seen), found.finish) == ("one two", "one two", "stop")
