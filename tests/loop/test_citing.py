"""The workspace's ``citations: required``: due once a search found something, refused beside another form."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_citing import faults, prefix_faults
from trimtab.engine import Chat, Form, Sampling, TorchEngine, Unsupported
from trimtab.guard import parse_policy
from trimtab.loop.citing import citing, due, shape_of
from trimtab.loop.config import Decoding
from trimtab.model import DEFAULT_MODEL, Dialect, tiny_random_model
from trimtab.records import Message, UserError
from trimtab.tools import Assistant, Limits, run_plan

POLICY = parse_policy(
    "---\nversion: 1\n---\n### R1 Evidence\nx\n```yaml\nguard: defer\ntext: I do not know that.\n```\n"
)
PASSAGES = [
    {"id": "war-1", "title": "Warranty", "text": "Every kettle has a warranty of two years from the day of purchase."},
    {"id": "war-2", "title": "Parts", "text": "Filters are not covered by the warranty."},
]


def found(*rows: dict[str, str]) -> Message:
    return Message("tool", json.dumps(rows))


def asked(*messages: Message) -> tuple[Message, ...]:
    return (Message("user", "How long is the kettle's warranty?"), *messages)


def test_ids_are_due_once_this_turns_search_found_something() -> None:
    assert due(asked()) == due(asked(found())) == due(asked(Message("tool", "no passages"))) == []
    assert due(asked(found(*PASSAGES))) == ["war-1", "war-2"]
    later = (*asked(found(PASSAGES[0])), Message("assistant", "Two years [war-1]."), Message("user", "Thanks!"))
    assert due(later) == [], "what an earlier turn found need not be cited again"
    assert due((*later, found(PASSAGES[1]))) == ["war-1", "war-2"], "and may be"
    assert due(asked(found({"id": "not citable", "text": "x"}))) == []


def test_the_form_holds_the_ids_and_the_policys_texts_and_a_required_call_is_let_be() -> None:
    shape, sampling = citing(POLICY), Sampling(9)
    held = shape(asked(found(*PASSAGES)), sampling)
    assert held.form is not None
    assert json.loads(held.form.text) == {"ids": ["war-1", "war-2"], "declines": ["I do not know that."], "most": 300}
    assert shape(asked(), sampling) == sampling
    assert shape(asked(found(*PASSAGES)), Sampling(call="*")).form is None
    for messages in (asked(), asked(found(*PASSAGES))):
        with pytest.raises(Unsupported, match="no other form") as caught:
            shape(messages, Sampling(form=Form("json_schema", "{}")))
        assert caught.value.field == "response_format"


def test_the_setting_is_part_of_a_release_only_where_it_is_on() -> None:
    assert Decoding().citations == "off"
    messages = asked(found(*PASSAGES))
    for decoding, held in (({}, False), ({"citations": "off"}, False), ({"citations": "required"}, True)):
        assert (shape_of(decoding, POLICY)(messages, Sampling()).form is not None) is held
    with pytest.raises(ValueError, match="citations"):
        Decoding(citations="sometimes")


def _answer(folder: Path, messages: tuple[Message, ...], sampling: Sampling, **fields: Any) -> tuple[str, str]:
    """The plan's answer and what was streamed."""
    heard: list[str] = []
    engine = TorchEngine(folder, **fields)
    try:
        chat = Chat(engine, Dialect.of(folder))
        assistant = Assistant(chat.reply, limits=Limits(tokens=900), sampling=sampling, shape=citing(POLICY))
        outcome = asyncio.run(run_plan(assistant, messages, now=0.0, on_text=heard.append, tools=()))
        return outcome.answer, "".join(heard)
    finally:
        engine.close()


def test_a_plan_over_random_weights_streams_a_cited_answer(tmp_path: Path) -> None:
    folder = tiny_random_model(tmp_path / "tiny")
    answer, heard = _answer(folder, asked(found(*PASSAGES)), Sampling(200, 1.0, seed=1))
    assert answer == heard
    assert prefix_faults(answer, ["war-1", "war-2"], []) == []
    free, _ = _answer(folder, asked(), Sampling(200, 1.0, seed=1))
    assert free != answer, "without passages it says what it likes"


def test_a_real_model_answers_from_its_passages_and_cites_them() -> None:
    from trimtab.model import resolve

    try:
        folder = resolve(DEFAULT_MODEL)
    except UserError as error:
        pytest.skip(f"no model of {DEFAULT_MODEL} here: {error}")
    system = Message("system", "Answer in one short sentence from the passages, with the id in brackets, as in [id].")
    answer, _ = _answer(folder, (system, *asked(found(PASSAGES[0]))), Sampling(60), dtype="bfloat16")
    assert faults(answer, ["war-1"], []) == []
    assert "two year" in answer.lower()


def test_the_plan_hands_the_refusal_on() -> None:
    async def never(*args: Any, **fields: Any) -> Any:
        raise AssertionError("nothing is generated")

    assistant = Assistant(never, sampling=Sampling(form=Form("regex", "a")), shape=citing(POLICY))
    with pytest.raises(Unsupported, match="cite their sources"):
        asyncio.run(run_plan(assistant, asked(), now=0.0))
