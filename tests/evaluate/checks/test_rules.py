"""Each rule tells an answer that keeps it from one that does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.checks.constraints import kept_loosely, readings
from trimtab.evaluate.checks.rules import RULES, keeps
from trimtab.records import UserError

KEPT_AND_BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"rule": "words", "relation": "at least", "count": 4}, "one two three four", "one two three"),
    ({"rule": "sentences", "count": 2}, "It rains. We stay.", "It rains."),
    ({"rule": "paragraphs", "count": 2}, "One.\n\nTwo.", "One.\nTwo."),
    ({"rule": "paragraphs", "count": 2, "between": "***"}, "One.\n***\nTwo.", "One.\n\nTwo."),
    ({"rule": "paragraph_first_word", "count": 2, "number": 2, "word": "tent"}, "A.\n\nTent it.", "Tent.\n\nA."),
    ({"rule": "lines", "count": 2}, "a\n\nb", "a"),
    ({"rule": "longest_word", "count": 4}, "four word", "longest"),
    ({"rule": "sentence_words", "count": 3}, "It rains now. We stay.", "It rains here right now."),
    ({"rule": "letter_count", "letter": "a", "relation": "at least", "count": 3}, "Banana", "bit"),
    ({"rule": "bullets", "count": 2}, "* a\n* b", "* a\n* b\n* c"),
    ({"rule": "numbered", "count": 2}, "1. a\n2. b", "1. a\n3. b"),
    ({"rule": "highlights", "count": 1}, "so *very* cold", "so very cold"),
    ({"rule": "title"}, "<<Winter>>\nCold.", "Winter\nCold."),
    ({"rule": "placeholders", "count": 1}, "Dear [name]", "Dear you"),
    ({"rule": "sections", "mark": "Section", "count": 2}, "Section 1\na\nSection 2\nb", "Section 1\na"),
    ({"rule": "json", "keys": ["a"]}, '```json\n{"a": 1}\n```', '{"b": 1}'),
    ({"rule": "quoted"}, '"all of it"', '"half" of it'),
    ({"rule": "two_answers"}, "one\n******\ntwo", "one\n******\none"),
    ({"rule": "postscript", "mark": "P.S."}, "Bye.\nP.S. Write!", "Bye."),
    ({"rule": "comma_separated", "count": 3}, "a, b, c", "a, b"),
    ({"rule": "no_comma"}, "a b", "a, b"),
    ({"rule": "no_digit"}, "two", "2"),
    ({"rule": "no_question"}, "Yes.", "Yes?"),
    ({"rule": "keywords", "words": ["tent", "kettle"]}, "Tents and a kettle", "a tent"),
    ({"rule": "forbidden_words", "words": ["good"]}, "goodness", "It is good."),
    ({"rule": "keyword_count", "word": "red", "relation": "at least", "count": 2}, "red, Red", "red"),
    ({"rule": "starts_with", "text": "Well now"}, "Well now, go.", "Now well."),
    ({"rule": "ends_with", "text": "That is all."}, "Go. That is all.", "That is all. Go."),
    ({"rule": "last_word", "word": "over"}, "Go, over.", "over there"),
    ({"rule": "one_of", "texts": ["My answer is no."]}, "My answer is no.", "No."),
    ({"rule": "uppercase"}, "YES 1", "Yes"),
    ({"rule": "lowercase"}, "yes 1", "Yes"),
    ({"rule": "capital_words", "relation": "at least", "count": 1}, "so COLD", "so cold"),
    ({"rule": "sentence_letter", "letter": "T"}, "Tea is hot. Take it.", "Tea is hot. Sip it."),
    ({"rule": "language", "code": "de"}, "Das ist nicht der Weg und ich gehe.", "This is not the way and I go."),
    ({"rule": "language", "code": "hi"}, "यह एक अच्छा दिन है", "a good day"),
]


@pytest.mark.parametrize(("rule", "kept", "broken"), KEPT_AND_BROKEN, ids=lambda one: str(one)[:40])
def test_a_rule_is_kept_or_broken(rule: dict[str, Any], kept: str, broken: str) -> None:
    assert keeps(kept, rule)
    assert not keeps(broken, rule)


def test_every_rule_has_its_example() -> None:
    assert {str(rule["rule"]) for rule, _, _ in KEPT_AND_BROKEN} == set(RULES)
    assert len(RULES) >= 25


@pytest.mark.parametrize(("rule", "kept", "broken"), KEPT_AND_BROKEN, ids=lambda one: str(one)[:40])
def test_silence_keeps_nothing(rule: dict[str, Any], kept: str, broken: str) -> None:
    assert not keeps(" \n", rule)


def test_a_rule_that_is_not_known_or_lacks_an_argument_is_named() -> None:
    with pytest.raises(UserError, match="unknown rule 'rhyme'"):
        keeps("a", {"rule": "rhyme"})
    with pytest.raises(UserError, match="'words' lacks or misuses 'count'"):
        keeps("a", {"rule": "words"})
    with pytest.raises(UserError, match="'language' lacks or misuses"):
        keeps("a", {"rule": "language", "code": "xx"})


def test_loose_reads_past_an_introduction_and_markdown() -> None:
    rule = {"rule": "starts_with", "text": "Dear"}
    assert not keeps("Sure!\n**Dear** friend", rule)
    assert kept_loosely("Sure!\n**Dear** friend", rule)


@given(st.text(max_size=80), st.sampled_from([rule for rule, _, _ in KEPT_AND_BROKEN]))
def test_what_is_kept_strictly_is_kept_loosely(answer: str, rule: dict[str, Any]) -> None:
    assert len(readings(answer)) == 8
    assert not keeps(answer.strip(), rule) or kept_loosely(answer.strip(), rule)
