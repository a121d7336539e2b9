"""What nothing holds is found to the character; what was shown or told is not."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.grounding import Sources, grounding_notes, sources_of, ungrounded, ungrounded_scores
from trimtab.text.claims import sentence_spans, unheld_spans

SHOWN = Sources(
    "ret-1\nReturns\nUnused goods may be sent back within 45 days. Postage costs $4.50.", "I am Mara, order AB-12345."
)


def texts(answer: str, sources: Sources = SHOWN) -> list[str]:
    return [answer[start:end] for start, end in ungrounded(answer, sources).spans]


def test_a_number_a_name_and_a_sentence_from_nowhere_are_found() -> None:
    assert texts("Unused goods may be sent back within 60 days.") == ["60"]
    assert texts("Postage of unused goods costs $4.50 by Royal Mail.") == ["Royal Mail"]
    assert texts("Postage costs $4.50. Gift cards never expire anywhere.") == ["Gift cards never expire anywhere."]


def test_what_the_user_said_is_no_invention() -> None:
    answer = "The unused goods that Mara has may be sent back within 45 days."
    assert texts(answer) == []
    assert texts(answer, Sources(SHOWN.shown, "")) == ["Mara"]


def test_the_share_is_of_claims_and_none_where_nothing_is_claimed() -> None:
    found = ungrounded("Hello! Postage costs $4.50. Goods are sent back within 9 days. Shall I look?", SHOWN)
    assert (found.claims, found.bad, found.share) == (2, 1, 0.5)
    assert ungrounded("I'm sorry, I don't know. Shall I ask a colleague?", SHOWN).share is None


def test_without_anything_shown_there_is_nothing_to_measure(build: Any) -> None:
    case, answer = build.case(), "Gift cards never expire anywhere."
    assert ungrounded_scores(case, build.outcome(answer)) == {}
    assert ungrounded_scores(case, build.outcome(answer, build.search)) == {"ungrounded_share": 1.0}
    worked = build.outcome("Three stoves cost 42 pounds.", build.search, result="three stoves cost 42 pounds")
    assert ungrounded_scores(case, worked) == {"ungrounded_share": 0.0}


def test_a_reader_of_the_report_sees_what_is_wrong_and_only_that(build: Any) -> None:
    case, answer = build.case(), 'It says "sent back within 30 days" [ret-9].'
    notes = grounding_notes(case, build.outcome(answer, build.search))
    assert notes["unknown_ids"] == ["ret-9"]
    assert notes["wrong_quotes"] == [{"quote": "sent back within 30 days", "nearest": "sent back within 45 days."}]
    assert [answer[start:end] for start, end in notes["ungrounded"]] == ["30"]  # type: ignore[attr-defined]
    assert grounding_notes(case, build.outcome("Postage costs $4.50 [ret-1].", build.search)) == {}
    assert grounding_notes(case, build.outcome("I can't help with that."))["refusal"] == "full_refusal"


def test_sources_are_the_whole_conversation(build: Any) -> None:
    sources = sources_of(build.case(question="Mine is AB-1"), build.outcome("Hm.", build.search))
    assert "540 grams" in sources.shown
    assert sources.told == "Mine is AB-1"


@given(st.text("ab 45.A?\n$[]-", max_size=60))
def test_spans_are_ascending_disjoint_and_within_the_answer(answer: str) -> None:
    spans = ungrounded(answer, SHOWN).spans
    assert all(0 <= start < end <= len(answer) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(
    st.lists(st.sampled_from(["Goods go back within 9 days.", "Postage costs $4.50.", "Ask Zed!", "Why?"]), max_size=5)
)
def test_reading_the_sources_once_changes_nothing(said: list[str]) -> None:
    answer = " ".join(said)
    fresh = Sources(SHOWN.shown + " ", SHOWN.told + " ")  # another key of the cache
    assert ungrounded(answer, SHOWN) == ungrounded(answer, fresh)
    found = {
        (start + low, start + high)
        for start, end in sentence_spans(answer)
        for low, high in unheld_spans(answer[start:end], SHOWN.shown, SHOWN.told)
    }
    covered = {i for low, high in found for i in range(low, high)}
    assert covered == {i for low, high in ungrounded(answer, SHOWN).spans for i in range(low, high)}
