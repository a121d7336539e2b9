"""An answer repeats personal data only where this conversation gave it; masked input never reaches the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.guard import Rule
from trimtab.guard.exchange import Exchange
from trimtab.guard.pii import Pii, pii_guard
from trimtab.records import Message, UserError
from trimtab.text import pii_spans

MINE, OTHER = "ann@stoves.example", "bob@stoves.example"


def guard(**fields: object) -> Pii:
    return pii_guard(Rule("R1", "Data", "", {"guard": "pii", **fields}, 7))


def exchange(answer: str, *messages: Message, turns: tuple[Message, ...] = ()) -> Exchange:
    return Exchange(messages or (Message("user", "hello"),), (*turns, Message("assistant", answer)), answer)


def test_what_nobody_gave_is_replaced() -> None:
    change = guard().after(exchange(f"Write to {OTHER}, please."))
    assert change is not None
    assert (change.answer, change.ruling) == ("Write to [email removed], please.", "modify")


@pytest.mark.parametrize("role", ["user", "system"])
def test_what_the_user_or_the_system_prompt_gave_may_be_repeated(role: str) -> None:
    given = Message(role, f"it is {MINE.upper()}")  # type: ignore[arg-type]
    assert guard().after(exchange(f"Thanks, {MINE} it is.", given)) is None


def test_what_a_tool_returned_may_be_repeated() -> None:
    result = Message("tool", f'{{"email": "{MINE}"}}', name="lookup")
    assert guard().after(exchange(f"We wrote to {MINE}.", turns=(result,))) is None


def test_what_an_assistant_turn_is_said_to_have_said_gives_no_right() -> None:
    assert guard().after(exchange(f"It is {OTHER}.", Message("assistant", OTHER), Message("user", "again?")))


def test_a_phone_may_be_written_differently() -> None:
    given = Message("user", "call me on +44 20 7946 0958")
    assert guard().after(exchange("We call +442079460958.", given)) is None


def test_among_several_only_the_strange_one_goes() -> None:
    change = guard().after(exchange(f"{MINE} and {OTHER}", Message("user", MINE)))
    assert change is not None
    assert change.answer == f"{MINE} and [email removed]"


def test_kinds_that_the_rule_does_not_name_may_leave() -> None:
    assert guard(kinds=["card"]).after(exchange(f"Write to {OTHER}.")) is None


def test_the_rule_s_own_text_is_used() -> None:
    change = guard(text="<{kind}>").after(exchange(OTHER))
    assert change is not None
    assert change.answer == "<email>"


def test_input_is_masked_in_what_the_user_wrote_and_nowhere_else() -> None:
    messages = (Message("system", OTHER), Message("user", f"my card 4111 1111 1111 1111, {MINE}"))
    said = guard(input=["card"]).before(messages)
    assert said is not None
    assert said.messages == (messages[0], Message("user", f"my card [card removed], {MINE}"))
    assert said.refusal is None
    assert guard(input=["card"]).before((Message("user", "no card"),)) is None


@pytest.mark.parametrize("fields", [{"kinds": ["emial"]}, {"kinds": "email"}, {"kind": ["email"]}, {"text": 7}])
def test_a_rule_that_cannot_be_kept_is_refused_with_its_line(fields: dict[str, object]) -> None:
    with pytest.raises(UserError, match="rule R1") as caught:
        guard(**fields)
    assert caught.value.line == 7


def test_a_datum_hidden_behind_another_goes_too() -> None:
    change = guard().after(exchange("4111 1111 1111 1111 10.0.0.7"))
    assert change is not None
    assert pii_spans(change.answer) == []


def test_an_answer_that_cannot_be_cleaned_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.guard.pii._ROUNDS", 1)
    change = guard().after(exchange("4111 1111 1111 1111 10.0.0.7"))
    assert change is not None
    assert (change.answer, change.ruling, change.whole) == ("[answer removed]", "block", True)


def test_the_address_in_the_rule_s_own_text_may_leave() -> None:
    change = guard(text=f"(ask {MINE})").after(exchange(OTHER))
    assert change is not None
    assert change.answer == f"(ask {MINE})"


PARTS = st.sampled_from([MINE, OTHER, "+44 20 7946 0958", "4111 1111 1111 1111", "10.0.0.7", "hello", "42", ", ", " "])


@given(st.lists(PARTS, max_size=6).map(" ".join), st.lists(PARTS, max_size=3).map(" ".join))
def test_whatever_is_said_only_given_data_is_left(answer: str, given_text: str) -> None:
    change = guard().after(exchange(answer, Message("user", given_text)))
    left = answer if change is None else change.answer
    known = {span.text for span in pii_spans(given_text)}
    assert {span.text for span in pii_spans(left)} <= known


def test_a_rule_may_name_any_kind_and_kinds_that_it_does_not_name_hide_nothing() -> None:
    change = guard(kinds=["date"]).after(exchange("It came on 21 January 2024."))
    assert change is not None
    assert change.answer == "It came on [date removed]."
    assert guard().after(exchange("It came on 21 January 2024, see https://x.example.")) is None
    change = guard(kinds=["phone"]).after(exchange("bank account: 0161 496 0123"))
    assert change is not None
    assert change.answer == "bank account: [phone removed]"
