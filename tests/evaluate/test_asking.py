"""A case is asked as it says: later turns after the first answer, fewer tools, samples with seeds of their own."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.evaluate.conftest import FakeReply

from trimtab.engine.core import Sampling
from trimtab.evaluate import Transcript, transcript_from_json
from trimtab.evaluate.asking import ask_case
from trimtab.records import Ask, Case, Message, ToolCall, ToolSchema


class Heard:
    """A model that remembers what it was asked and says the number of the user's turns."""

    def __init__(self, build: Any, finish: str = "stop") -> None:
        self.build, self.finish = build, finish
        self.prompts: list[tuple[Message, ...]] = []
        self.samplings: list[Sampling] = []
        self.offered: list[tuple[str, ...]] = []

    async def __call__(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
        on_text: Callable[[str], None] | None = None,
    ) -> Any:
        self.prompts.append(tuple(messages))
        self.samplings.append(sampling)
        self.offered.append(tuple(str(tool["function"]["name"]) for tool in tools))
        said = str(sum(message.role == "user" for message in messages))
        return FakeReply(Message("assistant", said), said, self.finish)


def asked(build: Any, model: Heard, ask: Ask, **more: Any) -> Transcript:
    case: Case = replace(build.case(question="one"), ask=ask)
    return asyncio.run(ask_case(replace(build.assistant(model), **more), case, 0.0))


def test_later_turns_follow_the_models_own_answers(build: Any) -> None:
    model = Heard(build)
    outcome = asked(build, model, Ask(then=("two", "three"))).outcome
    assert outcome is not None
    assert [turn.content for turn in model.prompts[-1]] == ["one", "1", "two", "2", "three"]
    assert [(turn.role, turn.content) for turn in outcome.turns][-2:] == [("user", "three"), ("assistant", "3")]
    assert outcome.answer == "3"
    assert outcome.completion_tokens == len(outcome.token_ids) == 6


def test_no_turn_follows_an_answer_that_was_cut(build: Any) -> None:
    model = Heard(build, finish="length")
    outcome = asked(build, model, Ask(then=("two",))).outcome
    assert outcome is not None
    assert outcome.finish == "length"
    assert len(model.prompts) == 1


def test_only_the_tools_named_are_offered(build: Any) -> None:
    model = Heard(build)
    for offer in (None, (), ("calculator",)):
        asked(build, model, Ask(offer=offer))
    assert model.offered == [("search", "calculator"), (), ("calculator",)]


def test_samples_have_seeds_of_their_own_and_the_same_on_every_run(build: Any) -> None:
    first, again = Heard(build), Heard(build)
    transcript = asked(build, first, Ask(samples=4, temperature=0.8))
    asked(build, again, Ask(samples=4, temperature=0.8))
    assert len(transcript.samples) == 4
    assert len({sampling.seed for sampling in first.samplings}) == 4
    assert sorted(str(one.seed) for one in first.samplings) == sorted(str(one.seed) for one in again.samplings)
    assert transcript_from_json(json.loads(json.dumps(transcript.to_json()))) == transcript


def test_a_case_may_have_more_room_than_a_served_answer(build: Any) -> None:
    model = Heard(build)
    asked(build, model, Ask(max_tokens=1000))
    assert model.samplings[0].max_tokens == 1000


def test_a_call_in_an_earlier_turn_is_seen_in_the_last(build: Any) -> None:
    search = Message("assistant", tool_calls=(ToolCall("search", {"query": "x"}),))
    model = build.model({"one": [search, Message("assistant", "1 [war-1]")], "two": [Message("assistant", "2")]})
    case = replace(build.case(question="one"), ask=Ask(then=("two",)))
    outcome = asyncio.run(ask_case(build.assistant(model), case, 0.0)).outcome
    assert outcome is not None
    assert [call.name for call in outcome.calls] == ["search"]
    assert outcome.answer == "2"
