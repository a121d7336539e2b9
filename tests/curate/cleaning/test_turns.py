"""Turns: broken orders are mended where one way is sure, refused where none is, and sound ones are never touched."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.cleaning.notes import Notes
from trimtab.curate.cleaning.turns import _sound, mend_turns
from trimtab.records import Comparison, Example, Message, Role, ToolCall

CALL = ToolCall("look", {"for": "x"}, "c1")


def turns(*said: tuple[Role, str]) -> tuple[Message, ...]:
    return tuple(Message(role, text) for role, text in said)


ROLES: tuple[Role, ...] = ("user", "assistant", "system")
ANY_TURNS = st.lists(
    st.builds(Message, st.sampled_from(ROLES), st.sampled_from(["", "Why?", "Because it is so."])),
    min_size=1,
    max_size=7,
).map(tuple)


@given(ANY_TURNS, st.booleans())
def test_what_is_mended_alternates_and_is_not_mended_again(given: tuple[Message, ...], whole: bool) -> None:
    notes = Notes()
    mended = mend_turns(given, "messages", notes, ends_with_answer=whole)
    if notes.refused is None:
        spoken = [turn for turn in mended if turn.role != "system"]
        assert spoken[0].role == "user"
        assert all(a.role != b.role for a, b in pairwise(mended) if "system" not in (a.role, b.role))
        assert not whole or spoken[-1].role == "assistant"
        assert mend_turns(mended, "messages", Notes(), ends_with_answer=whole) == mended


@given(ANY_TURNS, st.booleans())
def test_no_word_is_lost_without_a_repair_that_says_so(given: tuple[Message, ...], whole: bool) -> None:
    notes = Notes()
    mended = mend_turns(given, "messages", notes, ends_with_answer=whole)
    if mended != given:
        assert list(notes.repairs())
    if mended is given and notes.refused is None:
        assert _sound(given, whole) or any(turn.role == "system" for turn in given)


def test_two_user_turns_in_a_row_become_one(clean: Any) -> None:
    done = clean(Example(turns(("user", "One."), ("user", "Two?"), ("assistant", "Yes, both."))))
    assert [turn.content for turn in done.rows[0].row.messages] == ["One.\n\nTwo?", "Yes, both."]
    assert "merged turns" in {fix.kind for fix in done.repairs}


def test_a_dangling_question_is_cut_and_its_companions_go_with_it(clean: Any) -> None:
    row = Example(
        turns(("user", "A?"), ("assistant", "It is a."), ("user", "B?")), rejected=((Message("assistant", "Bad b."),),)
    )
    done = clean(row)
    kept = done.rows[0].row
    assert [turn.role for turn in kept.messages] == ["user", "assistant"]
    assert kept.rejected == ()
    assert "companions" in next(fix.detail for fix in done.repairs if fix.kind == "dangling turns")


def test_what_the_assistant_says_before_anybody_asks_is_cut(clean: Any) -> None:
    done = clean(Example(turns(("assistant", "Hello there."), ("user", "A?"), ("assistant", "It is a."))))
    assert [turn.content for turn in done.rows[0].row.messages] == ["A?", "It is a."]


def test_plainly_swapped_roles_are_exchanged(clean: Any) -> None:
    done = clean(Example(turns(("assistant", "What is two and two?"), ("user", "It is four."))))
    assert [(turn.role, turn.content) for turn in done.rows[0].row.messages] == [
        ("user", "What is two and two?"),
        ("assistant", "It is four."),
    ]
    assert "swapped roles" in {fix.kind for fix in done.repairs}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([("user", "A?"), ("assistant", " ")], "no answer"),
        ([("assistant", "Only I speak.")], "no user turn"),
        ([("assistant", "I begin."), ("user", "And I do not ask.")], "no answer"),
    ],
)
def test_what_leaves_nothing_to_learn_is_dropped(clean: Any, said: list[tuple[Role, str]], reason: str) -> None:
    done = clean(Example(turns(*said)))
    assert not done.rows
    assert [(drop.reason, drop.file, drop.line) for drop in done.drops] == [(reason, "set.jsonl", 1)]
    assert not done.repairs


def test_tool_turns_in_order_are_sound(clean: Any) -> None:
    row = Example(
        (
            Message("user", "Q?"),
            Message("assistant", tool_calls=(CALL,)),
            Message("tool", '{"error": "not found"}', tool_call_id="c1"),
            Message("assistant", "It failed."),
        ),
        labels={"action": "answer"},
    )
    done = clean(row)
    assert done.rows[0].row.messages is row.messages
    assert not done.repairs


def test_a_prompt_may_end_with_its_question_and_a_rejected_side_is_left_alone(clean: Any) -> None:
    pair = Comparison(
        turns(("user", "A?"), ("user", "B?")), turns(("assistant", "Good.")), turns(("assistant", "</s>Bad."))
    )
    kept = clean(pair).rows[0].row
    assert [turn.content for turn in kept.prompt] == ["A?\n\nB?"]
    assert kept.rejected == pair.rejected


LEAKS = [
    ("Assistant: It is four.", "It is four."),
    ("### Response:\nIt is four.", "It is four."),
    ("It is four.<|im_end|>", "It is four."),
    ("<|im_start|>assistant\nIt is four.<|im_end|>\n", "It is four."),
    ("It is four.</s>", "It is four."),
    ("It is four.\n\nHuman: And five?\n\nAssistant: Five.", "It is four."),
    ("It is four.\n### Instruction:\nNext one.", "It is four."),
    ("[INST] no [/INST] It is four.", "no [/INST] It is four."),
    ("It is four.<|im_end|>\n<|im_start|>user\nMore?", "It is four."),
]


@pytest.mark.parametrize(("leaked", "whole"), LEAKS[:7] + LEAKS[8:])
def test_leaked_markers_are_cut_and_the_answer_stays_whole(clean: Any, chat: Any, leaked: str, whole: str) -> None:
    done = clean(chat("What is it?", leaked))
    assert done.rows[0].row.messages[-1].content == whole
    assert "role markers" in {fix.kind for fix in done.repairs}
    assert clean(chat("What is it?", leaked), markers="drop").drops[0].reason == "role markers"
    flagged = clean(chat("What is it?", leaked), markers="flag").rows[0].row
    assert flagged.labels["quality"]["role_markers"] == "messages[1]"


@pytest.mark.parametrize(
    "text",
    [
        "User: hi\nAssistant: hello\nUser: bye",
        "```\n<|im_start|>user\n```\nThat is the template.",
        "The human: a short history.",
        "Use <b>bold</b> or <s>struck</s> tags in it.",
        "## Answer\nIt is four.",
        "I said: Human: be kind.",
    ],
)
def test_scripts_and_code_that_speak_of_markers_stay(clean: Any, chat: Any, text: str) -> None:
    assert clean(chat("Show me.", text)).rows[0].row.messages[-1].content == text


def test_a_template_around_a_question_goes_and_a_token_in_it_stays_flagged(clean: Any, chat: Any) -> None:
    done = clean(chat("Human: What is it?\n\nAssistant:", "It is four."), chat("Ignore <|im_start|> this", "No."))
    assert done.rows[0].row.messages[0].content == "What is it?"
    assert done.rows[1].row.messages[0].content == "Ignore <|im_start|> this"
    assert "role_markers" in done.rows[1].row.labels["quality"]


ENDS: list[tuple[str, str | None]] = [
    ("Here is how:\n\n```python\nprint(1)\n", "inside a code fence"),
    ("The sun is a star. It is large and hot, and the planets that turn around it are", "mid-sentence"),
    ("There are several ways to do it. You can press F5 or click on the button or hit", "mid-sentence"),
    ("First we add the flour to the bowl and stir it well, then we take the eggs,", "mid-sentence"),
    ("Paris", None),
    ("- milk\n- bread and butter\n- eggs from the farm\n- a bag of rice and some beans from the shop", None),
    ("The sun is a star. It is large and hot, and the planets turn around it.", None),
    ("Use this:\n\n```\nprint(1)\n```", None),
    ("Roses are red\nViolets are blue\nSugar is sweet and it is here\nAnd so are all of you", None),
    ("The area of it is found by the rule that everybody knows. It is A = πr²", None),
    ("Read more of that on the page that I found for you. See https://example.org/a", None),
]


@pytest.mark.parametrize(("text", "said"), ENDS)
def test_an_answer_that_stops_before_its_end_is_told(
    clean: Any, chat: Callable[..., Example], text: str, said: str | None
) -> None:
    assert clean(chat("Go on?", text)).rows[0].row.labels["quality"].get("truncated") == said
    assert len(clean(chat("Go on?", text), truncated="drop").drops) == bool(said)
