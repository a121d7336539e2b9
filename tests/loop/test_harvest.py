"""What people said of traffic becomes rows, each with its origin."""

from trimtab.loop.harvest import harvest
from trimtab.records import Feedback, Message, ToolCall, Trace

ASK = (Message("user", "Can I send the kettle back?"),)
CALL = Message("assistant", tool_calls=(ToolCall("search", {"query": "return kettle"}, "c1"),))
RESULT = Message("tool", '[{"id": "ret-2", "title": "Returns", "text": "Returns are open for 45 days."}]')
ANSWER = Message("assistant", "Yes, whenever you like.")


def trace(*turns: Message, error: str = "") -> Trace:
    return Trace("t1", 1.0, "shop", "u1", "stable", "r1", ASK, turns, "stop", error=error)


def feedback(thumb: bool | None = None, edit: str | None = None, escalated: bool = False) -> Feedback:
    return Feedback("f1", "t1", 2.0, user="u1", thumb=thumb, edit=edit, escalated=escalated)


def test_an_edit_that_cites_the_search_teaches_the_whole_way_to_it() -> None:
    done = harvest([(trace(CALL, RESULT, ANSWER), feedback(edit="Yes, within 45 days [ret-2]."))])
    (example,) = done.sft
    assert example.messages == (*ASK, CALL, RESULT, Message("assistant", "Yes, within 45 days [ret-2]."))
    (pair,) = done.preference
    assert pair.prompt == (*ASK, CALL, RESULT)
    assert pair.rejected == (ANSWER,)
    assert example.provenance["parents"] == ["t1"]


def test_an_edit_that_rests_on_no_tool_says_the_tool_was_not_to_be_called() -> None:
    done = harvest([(trace(CALL, RESULT, ANSWER), feedback(edit="I will hand this to the trade desk."))])
    (example,) = done.sft
    assert example.messages == (*ASK, Message("assistant", "I will hand this to the trade desk."))
    assert done.preference[0].rejected == (CALL, RESULT, ANSWER)


def test_a_bare_thumb_is_unpaired_and_an_escalation_is_a_thumb_down() -> None:
    up = harvest([(trace(ANSWER), feedback(thumb=True))])
    down = harvest([(trace(ANSWER), feedback(escalated=True))])
    assert (up.unpaired[0].label, down.unpaired[0].label) == (True, False)
    assert not up.sft
    assert not down.preference


def test_an_edit_equal_to_the_answer_rejects_nothing() -> None:
    done = harvest([(trace(ANSWER), feedback(edit=ANSWER.content))])
    assert len(done.sft) == 1
    assert not done.preference


def test_what_gives_no_row_is_named_with_its_reason() -> None:
    assert harvest([(trace(error="engine died"), feedback(thumb=False))]).refused == {
        "t1": "the request failed: there is no answer to learn from"
    }
    assert harvest([(trace(ANSWER), feedback(edit="  "))]).refused == {"t1": "the edit is empty"}


def test_the_same_feedback_twice_gives_one_row() -> None:
    pair = (trace(ANSWER), feedback(edit="Better."))
    assert len(harvest([pair, pair]).sft) == 1


def test_an_edit_with_a_number_from_nowhere_is_a_thumb_down_and_not_a_lesson() -> None:
    done = harvest([(trace(ANSWER), feedback(edit="That makes $84."))])
    assert not done.sft
    assert "84" in done.refused["t1"]
    assert [row.label for row in done.unpaired] == [False]
