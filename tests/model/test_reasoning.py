"""Reasoning is spelled before the turn that it belongs to, read back, and never shown or kept in the history."""

from dataclasses import replace

from hypothesis import given, settings
from tests.model.test_dialect import ASSISTANTS, TEXTS

from trimtab.model import Dialect
from trimtab.records import Message

USER = Message("user", "How many?")
EARLIER = (USER, Message("assistant", "Five.", reasoning="two and three"), Message("user", "And twice that?"))


def reply(dialect: Dialect, *messages: Message) -> tuple[str, str]:
    """What is only read, and what is trained."""
    encoded = dialect.encode_reply(messages)
    sides = [[i for i, t in zip(encoded.ids, encoded.trained, strict=True) if t is want] for want in (False, True)]
    return dialect.decode(sides[0]), dialect.decode(sides[1])


@settings(max_examples=120, deadline=None)
@given(ASSISTANTS, TEXTS.filter(str.strip))
def test_reasoning_and_answer_come_back_whatever_they_spell(dialect: Dialect, turn: Message, words: str) -> None:
    turn = replace(turn, reasoning=words.strip())
    _, said = reply(dialect, USER, turn)
    assert said.startswith("<think>\n")
    assert said.count("<|im_end|>") == said.count("</think>") == 1
    assert dialect.parse(said) == turn
    assert not dialect.malformed(said)


def test_only_the_last_turn_is_trained_and_earlier_reasoning_is_gone(dialect: Dialect) -> None:
    read, said = reply(dialect, *EARLIER, Message("assistant", "Ten.", reasoning="5 times 2"))
    assert said == "<think>\n5 times 2\n</think>\n\nTen.<|im_end|>"
    assert "Five." in read
    assert "two and three" not in read


def test_what_is_read_is_what_serving_sends(dialect: Dialect) -> None:
    encoded = dialect.encode_reply((*EARLIER, Message("assistant", "Ten.", reasoning="5 times 2")))
    start = encoded.trained.index(True)
    assert list(encoded.ids[:start]) == dialect.encode(EARLIER, reply=True)


def test_without_reasoning_it_is_the_last_turn_of_the_plain_encoding(dialect: Dialect) -> None:
    chat = (*EARLIER, Message("assistant", "Ten."))
    assert dialect.encode_reply(chat).ids == dialect.encode_turns(chat).ids
    assert reply(dialect, *chat)[1] == "Ten.<|im_end|>"


def test_reasoning_that_never_ends_says_nothing(dialect: Dialect) -> None:
    assert dialect.parse("<think>\nwell, <tool_call>") == Message("assistant", "", reasoning="well, <tool_call>")
    assert not dialect.malformed("<think>\nwell, <tool_call>")


@settings(max_examples=80, deadline=None)
@given(ASSISTANTS, TEXTS.filter(str.strip))
def test_no_part_of_the_reasoning_is_ever_shown(dialect: Dialect, turn: Message, words: str) -> None:
    said = reply(dialect, USER, replace(turn, reasoning=words.strip()))[1].removesuffix("<|im_end|>")
    shown = ""
    for end in range(len(said) + 1):
        now = dialect.visible(said[:end])
        assert now.startswith(shown)
        shown = now
    assert turn.content.startswith(dialect.visible(said, final=True)) or turn.tool_calls


def test_text_that_only_looks_like_a_beginning_is_shown_at_the_end(dialect: Dialect) -> None:
    assert dialect.visible("<thi") == ""
    assert dialect.visible("<thi", final=True) == "<thi"
    assert dialect.ids(dialect.decode(dialect.encode((USER,)))) == dialect.encode((USER,))
