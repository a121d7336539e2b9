"""A split never parts rows that share a question, and never changes its mind."""

from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.split import side_of, split


@given(
    st.lists(st.sampled_from(["Where is it?", "where is IT", "How?", "Why so?", "When"]), max_size=30), st.integers()
)
def test_rows_that_share_a_question_stay_together(questions: list[str], seed: int) -> None:
    train, sealed = split(list(enumerate(questions)), lambda row: row[1], 0.5, seed)
    assert sorted(train + sealed) == list(enumerate(questions))
    folded = [{question.lower().rstrip("?") for _, question in side} for side in (train, sealed)]
    assert not folded[0] & folded[1]


def test_a_row_keeps_its_side_whatever_the_other_rows() -> None:
    alone = side_of("Where is my parcel?", 0.3, 7)
    assert all(side_of("Where is my parcel?", 0.3, 7) == alone for _ in range(3))


def test_the_share_is_met_and_another_seed_is_another_split() -> None:
    questions = [f"question {i}" for i in range(2000)]
    sides = [side_of(question, 0.2, 0) for question in questions]
    assert 340 < sides.count("sealed") < 460
    assert sides != [side_of(question, 0.2, 1) for question in questions]
    assert all(side_of(question, 0.0) == "train" for question in questions)
    assert all(side_of(question, 1.0) == "sealed" for question in questions)
