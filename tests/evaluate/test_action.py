"""What an answer does is read from the policy's words first, from markers after."""

from typing import Any

import pytest

from trimtab.evaluate import Wording, action_of, classify, served_action
from trimtab.records import Action, ToolCall
from trimtab.tools.plan import UNFINISHED
from trimtab.tools.watch import BLOCKED

ANSWERS: list[tuple[str, Action]] = [
    ("The Osprey weighs 540 grams [osp-1].", "answer"),
    ("Order AB-12345 was delivered on 4 May.", "answer"),
    ("I have refunded $40 for order AB-12345 to the card that paid.", "answer"),
    ("You can return it within 45 days [ret-1]. Is there anything else I can help you with?", "answer"),
    ("I could not find the price, but it weighs 540 grams [osp-1].", "answer"),
    ("Which of our stoves do you mean? The answer depends on the model.", "clarify"),
    ("Could you send me the order number? It has two letters, a dash and five digits.", "clarify"),
    ("There is no order AB-12345 in our system. Could you check the number in your confirmation email?", "clarify"),
    ("Do you mean the Osprey [osp-1] or the Siskin [sis-1]?", "clarify"),
    ("I could not find that in our guides, so I am passing your question to a colleague.", "defer"),
    ("Our trade desk looks after large orders, so I am passing this to our trade team.", "defer"),
    ("I don't know.", "defer"),
    ("I'm sorry, I can't share anything about other customers.", "decline"),
    ("I'm sorry, I can't give a refund on order AB-12345 because it has not been delivered yet.", "decline"),
    ("I'm sorry, I can't help with that. I am only here for stoves. What else would you like to know?", "decline"),
]


@pytest.mark.parametrize(("text", "action"), ANSWERS)
def test_markers_tell_the_action(text: str, action: Action) -> None:
    assert classify(text) == action


@pytest.mark.parametrize("text", ["", "  ", "...", "\n"])
def test_saying_nothing_does_nothing(text: str) -> None:
    assert classify(text) is None


def test_the_policys_own_words_are_surer_than_markers() -> None:
    wording = Wording(
        declines=("That stays between us and the customer.",), defers=("Our trade desk will write to you tomorrow.",)
    )
    assert classify("That stays between us and the customer.") == "answer"
    assert classify("Hm. That stays between us and the customer!", wording) == "decline"
    assert classify("Tomorrow our trade desk writes to you [a].", wording) == "defer"


def test_a_long_answer_with_the_policys_words_scattered_in_it_is_no_policy_text() -> None:
    wording = Wording(defers=("Our trade desk answers large orders.",))
    long = "Large parcels answer to weight, and a desk stove of our trade range ships with other orders in May."
    assert classify(long, wording) == "answer"


def test_the_plans_own_texts_are_known() -> None:
    assert classify(UNFINISHED) == "defer"
    assert classify(BLOCKED) == "decline"


def test_quality_reads_the_raw_answer_and_the_user_sees_the_served_one(build: Any) -> None:
    outcome = build.outcome("It weighs 540 grams.", answer="I can't help with that.", finish="blocked")
    assert action_of(outcome) == "answer"
    assert served_action(outcome) == "decline"


def test_a_request_blocked_before_the_model_spoke_was_declined(build: Any) -> None:
    outcome = build.outcome("", answer="No.", finish="blocked", token_ids=(), logprobs=())
    assert action_of(outcome) == "decline"


def test_calls_handed_to_the_client_are_the_last_action(build: Any) -> None:
    outcome = build.outcome("", ToolCall("search", {}), finish="client_tools")
    assert action_of(outcome) == served_action(outcome) == "call_tool"


def test_a_plan_that_only_called_and_never_answered_called(build: Any) -> None:
    outcome = build.outcome("", build.search, answer=UNFINISHED, finish="steps")
    assert action_of(outcome) == "call_tool"
    assert served_action(outcome) == "defer"
