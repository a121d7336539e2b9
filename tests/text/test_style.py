"""Style markers tell a refusal, a hand-off, a question and an answer apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import manner, sentences, style
from trimtab.text.style import _ASKS, _CLOSER, _LAST, _asks


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot share another customer's data.",
        "I won't do that.",
        "I'm not able to assist with this request.",
        "I must decline.",
        "I am unable to provide that information.",
        "That is against our policy.",
        "Sorry, I can’t help with anything outside our stoves.",
    ],
)
def test_refusals(text: str) -> None:
    assert style(text).refusal


@pytest.mark.parametrize(
    "text",
    [
        "The stove weighs 340 grams [osp-1].",
        "We refund the card that paid.",
        "You cannot take fuel on a plane [fly-1].",
        "I can help with that.",
        "I couldn't find it in the guides, so I am passing this to a colleague.",
        "Which stove do you mean?",
    ],
)
def test_what_is_no_refusal(text: str) -> None:
    assert not style(text).refusal


@pytest.mark.parametrize(
    ("text", "handoff"),
    [
        ("I could not find that. I am passing your question to a colleague.", True),
        ("Please contact our support team.", True),
        ("I don't know.", False),
        ("There is not enough information in the passages.", False),
        ("The guides do not mention it.", False),
    ],
)
def test_deferrals(text: str, handoff: bool) -> None:
    assert style(text).deferral
    assert style(text).handoff is handoff


@pytest.mark.parametrize(
    "text", ["Which stove do you mean?", "Could you tell me the order number, please.", "Sure. Which one? I have two."]
)
def test_questions(text: str) -> None:
    assert style(text).question


def test_a_polite_closer_is_no_question() -> None:
    assert not style("It weighs 340 grams [osp-1]. Is there anything else I can help you with?").question


def test_counts() -> None:
    found = style("# Plan\n- It may **perhaps** rain [a, b].\n2. Probably not.\n`x`")
    assert (found.hedges, found.citations, found.list_items, found.markdown, found.words) == (3, 2, 2, 3, 11)


def test_could_you_and_could_not_are_no_hedges() -> None:
    assert style("Could you wait? I could not find it.").hedges == 0
    assert style("It could rain.").hedges == 1


SAID = st.lists(
    st.sampled_from(
        [
            "I can't help with that.",
            "Could you tell me the number?",
            "Is it red?",
            "It is red.",
            "Please tell me which.",
            "Anything else?",
            "I don't know.",
            "Ask our support team.",
            "3. Next",
            "どれですか？",
            "“Why?”",
            "\n",
        ]
    ),
    max_size=5,
).map(" ".join)


@given(SAID)
def test_the_manner_of_a_text_is_that_of_its_style(text: str) -> None:
    short, whole = manner(text), style(text)
    assert all(getattr(short, name) == getattr(whole, name) for name in ("refusal", "deferral", "question", "handoff"))


@given(SAID)
def test_a_question_is_told_as_by_looking_at_every_sentence(text: str) -> None:
    plain = text.casefold()
    last = [sentence for sentence in sentences(plain) if not _CLOSER.search(sentence)][-_LAST:]
    asks = [s.rstrip("*_\"')] ").endswith(("?", "？", "؟")) or _ASKS.search(s) for s in last]
    assert _asks(plain) == any(asks)
