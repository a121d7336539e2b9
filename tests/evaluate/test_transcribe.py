"""Every case is answered once through the plan, kept as soon as it is there, and never crashes the rest."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import Transcript, passages, transcribe, transcript_from_json
from trimtab.evaluate.transcript import workings
from trimtab.records import Ask, Case, Expected, Message, ToolCall
from trimtab.store import Store
from trimtab.tools import make_schema
from trimtab.tools.toolbox import error_result


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / ".trimtab") as opened:
        yield opened


def answer(build: Any, model: Any, cases: Sequence[Case], **more: Any) -> dict[str, Transcript]:
    return asyncio.run(transcribe(build.assistant(model), cases, now=0.0, **more))


def call(name: str, **arguments: Any) -> Message:
    return Message("assistant", tool_calls=(ToolCall(name, arguments),))


def test_a_plan_is_run_with_its_tools(build: Any) -> None:
    model = build.model({"q": [call("search", query="guarantee"), Message("assistant", "Seven years [war-1].")]})
    outcome = answer(build, model, [build.case(question="q")])[build.case(question="q").id].outcome
    assert outcome is not None
    assert outcome.raw_answer == "Seven years [war-1]."
    assert [made.name for made in outcome.calls] == ["search"]
    assert set(passages(outcome.turns)) == {"war-1", "ret-1", "osp-1"}


def test_transcripts_survive_storage_whole(build: Any) -> None:
    transcript = build.transcript("Seven years [war-1].", build.search, first_token=0.1)
    assert transcript_from_json(json.loads(json.dumps(transcript.to_json()))) == transcript
    assert transcript_from_json(Transcript(None, "boom").to_json()) == Transcript(None, "boom")


def test_what_is_known_is_not_asked_again(build: Any, store: Store) -> None:
    model = build.model({"a": [Message("assistant", "A")], "b": [Message("assistant", "B")]})
    cases = [build.case(question="a"), build.case(question="b")]
    first = answer(build, model, cases[:1], store=store, behaviour="r1")
    second = answer(build, model, cases, store=store, behaviour="r1")
    assert model.asked == ["a", "b"]
    assert second[cases[0].id] == first[cases[0].id]
    answer(build, model, cases, store=store, behaviour="r2")
    assert model.asked == ["a", "b", "a", "b"]


def test_one_question_is_asked_once_whatever_is_expected_of_its_answer(build: Any, store: Store) -> None:
    model = build.model({"a": [Message("assistant", "A")]})
    first = build.case(question="a")
    other = replace(first, expected=Expected("decline"), labels={"cluster": "c"})
    done = answer(build, model, [first, other], store=store, behaviour="r1")
    assert model.asked == ["a"]
    assert first.id != other.id
    assert done[first.id] == done[other.id]
    answer(build, model, [replace(first, expected=Expected("defer"))], store=store, behaviour="r1")
    assert model.asked == ["a"]


def test_a_case_that_is_asked_otherwise_is_asked_again(build: Any, store: Store) -> None:
    model = build.model({"a": [Message("assistant", "A")]})
    case = build.case(question="a")
    answer(build, model, [case], store=store, behaviour="r1")
    for ask in (Ask(temperature=0.5), Ask(max_tokens=7), Ask(samples=2), Ask(offer=())):
        asked = len(model.asked)
        answer(build, model, [replace(case, ask=ask)], store=store, behaviour="r1")
        assert len(model.asked) == asked + ask.samples


def test_progress_counts_what_is_still_to_be_asked(build: Any, store: Store) -> None:
    model = build.model({name: [Message("assistant", name)] for name in "abc"})
    cases = [build.case(question=name) for name in "abc"]
    answer(build, model, cases[:2], store=store, behaviour="r1")
    said = Recorder()
    answer(build, model, cases, store=store, behaviour="r1", progress=said)
    assert said.heard == [("evaluate", 1), (1, "2 known")]


class Recorder:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def start(self, name: str, total: int | None = None) -> None:
        self.heard.append((name, total))

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.heard.append((amount, note))


def test_a_failing_case_is_recorded_and_asked_again_next_time(build: Any, store: Store) -> None:
    model = build.model({"a": [ValueError("boom")], "b": [Message("assistant", "B")]})
    cases = [build.case(question="a"), build.case(question="b")]
    found = answer(build, model, cases, store=store, behaviour="r")
    assert found[cases[0].id] == Transcript(None, "ValueError: boom")
    assert found[cases[1].id].scored
    model.script["a"] = [Message("assistant", "A")]
    assert answer(build, model, cases, store=store, behaviour="r")[cases[0].id].scored
    assert model.asked == ["a", "b", "a"]


def test_where_every_case_fails_something_else_is_broken(build: Any) -> None:
    with pytest.raises(RuntimeError, match="no case could be answered: ValueError: boom"):
        answer(build, build.model({"a": [ValueError("boom")]}), [build.case(question="a")])


def test_known_tools_of_a_case_narrow_the_toolbox_and_unknown_ones_go_to_the_client(build: Any) -> None:
    own = make_schema("calculator", "", {"type": "object"})
    foreign = make_schema("send_mail", "", {"type": "object"})
    model = build.model(
        {
            "a": [call("calculator", expression="2+2"), Message("assistant", "4")],
            "b": [call("send_mail", to="x")],
        }
    )
    one, other = build.case(question="a", tools=(own,)), build.case(question="b", tools=(own, foreign))
    found = answer(build, model, [one, other])
    assert model.offered == [("calculator",), ("calculator", "send_mail"), ("calculator",)]
    first, second = found[one.id].outcome, found[other.id].outcome
    assert first is not None
    assert second is not None
    assert (first.raw_answer, first.turns[1].content) == ("4", "4")
    assert second.finish == "client_tools"


def test_no_more_than_asked_run_at_once_samples_of_one_case_included(build: Any) -> None:
    running, most = 0, 0

    class Slow:
        async def __call__(self, *args: Any, **more: Any) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            return await build.model({f"q{i}": [Message("assistant", "ok")] for i in range(20)})(*args, **more)

    cases = [replace(build.case(question=f"q{i}"), ask=Ask(samples=1 + i % 3)) for i in range(20)]
    found = answer(build, Slow(), cases, concurrency=3)
    assert most == 3
    assert list(found) == [case.id for case in cases]


@pytest.mark.parametrize(("finish", "scored", "lasting"), [
    ("stop", True, True), ("steps", True, True), ("blocked", True, True),
    ("length", False, True), ("tokens", False, True), ("seconds", False, False),
])  # fmt: skip
def test_what_was_cut_is_not_scored_and_what_the_clock_cut_is_not_kept(
    build: Any, finish: str, scored: bool, lasting: bool
) -> None:
    transcript = build.transcript("half an ans", finish=finish)
    assert (transcript.scored, transcript.lasting) == (scored, lasting)


def test_workings_are_results_that_are_no_passages_and_no_errors(build: Any) -> None:
    asked = ToolCall("calculator", {"expression": "3 * 4.50"})
    assert workings(build.outcome("", asked, result="13.5").turns).split("\n") == ["13.5", '{"expression": "3 * 4.50"}']
    assert workings(build.outcome("", build.search).turns) == ""
    assert workings(build.outcome("", asked, result=error_result("too_large", "12 places")).turns) == ""
