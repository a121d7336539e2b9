"""The chat layer turns messages into a streamed turn, with stop strings, cancellation and a limit that speaks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from trimtab.engine import ANY_TOOL, Caps, Chat, Chunk, Form, Handle, Request, Sampling, TorchEngine, generate
from trimtab.engine.demand import constraint_of
from trimtab.model import Dialect
from trimtab.records import Message, ToolCall, ToolSchema, UserError

ASK = (Message("user", "hello there"),)


class Slot:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scripted:
    """An engine that says what it is told, token by token, and then nothing unless there is an end."""

    weights = "w"

    def __init__(self, dialect: Dialect, text: str, *, end: str | None = "stop", context: int = 0) -> None:
        self.caps = Caps("scripted", context=context)
        self.ids = dialect._pieces.encode(text)
        self.end, self.dialect = end, dialect
        self.slot = Slot()
        self.requests: list[Request] = []

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Handle:
        self.requests.append(request)
        for token in self.ids:
            on_chunk(Chunk((token,), (-0.5,)))
        if self.end == "stop":
            on_chunk(Chunk((self.dialect.stop_ids[0],), (-0.1,), "stop"))
        elif self.end == "error":
            on_chunk(Chunk((), (), "error", "out of memory"))
        return self.slot

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        raise NotImplementedError

    def close(self) -> None:
        return None


def test_a_turn_streams_and_adds_up(dialect: Dialect) -> None:
    engine = Scripted(dialect, "Grüße aus 東京 👋 <b>")
    heard: list[str] = []
    reply = asyncio.run(Chat(engine, dialect).reply(ASK, on_text=heard.append))
    assert reply.text == reply.message.content == "".join(heard) == "Grüße aus 東京 👋 <b>"
    assert len(heard) > 5
    assert (reply.finish, reply.malformed, reply.weights) == ("stop", False, "w")
    assert reply.token_ids == (*engine.ids, dialect.stop_ids[0])
    assert len(reply.logprobs) == len(reply.token_ids)
    assert reply.prompt_tokens == len(engine.requests[0].prompt_ids) == Chat(engine, dialect).tokens(ASK)
    assert set(dialect.stop_ids) <= set(engine.requests[0].sampling.stop_ids)
    assert not engine.slot.cancelled


def test_a_call_is_parsed_and_never_shown(dialect: Dialect) -> None:
    engine = Scripted(dialect, 'Let me look.\n<tool_call>{"name": "search", "arguments": {"q": "x"}}</tool_call>')
    heard: list[str] = []
    reply = asyncio.run(Chat(engine, dialect).reply(ASK, on_text=heard.append))
    assert reply.message == Message("assistant", "Let me look.", tool_calls=(ToolCall("search", {"q": "x"}),))
    assert "".join(heard) == "Let me look."


def test_a_broken_call_is_said_to_be_one_and_never_shown(dialect: Dialect) -> None:
    heard: list[str] = []
    chat = Chat(Scripted(dialect, 'Well. <tool_call>{"name": nonsense'), dialect)
    reply = asyncio.run(chat.reply(ASK, on_text=heard.append))
    assert reply.malformed
    assert "".join(heard) == "Well."


def test_the_text_of_a_broken_call_has_no_reasoning(dialect: Dialect) -> None:
    engine = Scripted(dialect, '<think>\nsecret\n</think>\n\n<tool_call>{"name": oops</tool_call>')
    reply = asyncio.run(Chat(engine, dialect).reply(ASK))
    assert reply.malformed
    assert "oops" in reply.text
    assert "secret" not in reply.text


def test_a_stop_string_cuts_the_text_and_frees_the_slot(dialect: Dialect) -> None:
    engine = Scripted(dialect, "one two STOP three", end=None)
    heard: list[str] = []
    reply = asyncio.run(Chat(engine, dialect).reply(ASK, sampling=Sampling(stop=("STOP",)), on_text=heard.append))
    assert (reply.text, "".join(heard), reply.finish) == ("one two ", "one two", "stop")
    assert engine.slot.cancelled


def test_cancelling_the_task_frees_the_slot(dialect: Dialect) -> None:
    engine = Scripted(dialect, "never ends", end=None)

    async def scenario() -> None:
        task = asyncio.create_task(Chat(engine, dialect).reply(ASK))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.slot.cancelled

    asyncio.run(scenario())


def test_a_listener_that_fails_frees_the_slot(dialect: Dialect) -> None:
    engine = Scripted(dialect, "never ends", end=None)

    def broken(text: str) -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        asyncio.run(Chat(engine, dialect).reply(ASK, on_text=broken))
    assert engine.slot.cancelled


def test_an_engines_failure_is_a_finish_and_not_a_hang(dialect: Dialect) -> None:
    reply = asyncio.run(Chat(Scripted(dialect, "well", end="error"), dialect).reply(ASK))
    assert (reply.finish, reply.error, reply.text) == ("error", "out of memory", "well")


def test_a_conversation_that_leaves_no_room_is_the_users_mistake(dialect: Dialect) -> None:
    chat = Chat(Scripted(dialect, "hi", context=10_000), dialect)
    length = chat.tokens(ASK)
    full = Chat(Scripted(dialect, "hi", context=length), dialect)
    with pytest.raises(UserError, match=f"{length} tokens"):
        asyncio.run(full.reply(ASK))
    assert asyncio.run(Chat(Scripted(dialect, "hi", context=length + 1), dialect).reply(ASK)).text == "hi"


def test_many_conversations_at_once_say_what_each_says_alone(torch_engine: TorchEngine, dialect: Dialect) -> None:
    chat, short = Chat(torch_engine, dialect), Sampling(max_tokens=12)
    asked = [(Message("system", "be brief " * (i % 3)), Message("user", f"question {i}")) for i in range(6)]

    async def together() -> list[str]:
        replies = await asyncio.gather(*(chat.reply(messages, sampling=short) for messages in asked))
        return [reply.text for reply in replies]

    def alone(messages: Sequence[Message]) -> str:
        sampling = replace(short, stop_ids=dialect.stop_ids)
        answer = generate(torch_engine, [Request(tuple(dialect.encode(messages, reply=True)), sampling)])[0]
        ids = answer.token_ids[:-1] if answer.finish == "stop" else answer.token_ids
        return dialect.decode(ids)

    assert asyncio.run(together()) == [alone(messages) for messages in asked]


def test_cancelling_frees_the_slot_of_a_real_engine(torch_engine: TorchEngine, dialect: Dialect) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(Chat(torch_engine, dialect).reply(ASK, sampling=Sampling(max_tokens=3000)))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        while not torch_engine._worker.idle:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(scenario(), 20))


TWO = (
    'Let me see. <tool_call>\n{"name": "a", "arguments": {"x": "</tool_call>"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "b", "arguments": {}}\n</tool_call> and more'
)


@pytest.mark.parametrize("thought", ["", "<think>\nWhich? <tool_call> perhaps.\n</think>\n\n"])
def test_a_turn_of_one_call_ends_with_its_first(dialect: Dialect, thought: str) -> None:
    engine, heard = Scripted(dialect, thought + TWO), list[str]()
    tool: ToolSchema = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    both = asyncio.run(Chat(Scripted(dialect, thought + TWO), dialect).reply(ASK, [tool]))
    assert [call.name for call in both.message.tool_calls] == ["a", "b"]
    reply = asyncio.run(Chat(engine, dialect).reply(ASK, [tool], Sampling(one_call=True), heard.append))
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [("a", {"x": "</tool_call>"})]
    assert (reply.finish, reply.malformed, "".join(heard)) == ("stop", False, "Let me see.")
    assert reply.text.endswith("</tool_call>")
    assert len(reply.token_ids) < len(both.token_ids), "what comes after the call is not generated"
    assert engine.slot.cancelled


def test_a_required_call_and_an_answer_in_a_form_are_held_to_one_call(dialect: Dialect) -> None:
    tool: ToolSchema = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    for asked in (Sampling(call=ANY_TOOL), Sampling(form=Form("json_schema", "{}"))):
        one, many = (constraint_of(dialect, [tool], replace(asked, one_call=one)) for one in (True, False))
        assert one is not None
        assert many is not None
        assert (one.many, many.many) == (False, True)
