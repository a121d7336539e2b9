"""Rows with one number as their answer become cases that are judged by it."""

import pytest

from trimtab.curate.adapters import AdapterOptions, ExactAnswer
from trimtab.records import UserError

ADAPTER = ExactAnswer(AdapterOptions())
GSM = {"question": "How many? ", "answer": "He has 3 * 6 = <<3*6=18>>18.\n#### 1,018"}


def test_gsm8k_asks_the_question_and_expects_the_number_after_the_hashes() -> None:
    case = ADAPTER.case(GSM)
    assert case is not None
    assert (case.messages[0].content, case.expected.action) == ("How many?", "answer")
    assert case.expected.check == {"kind": "number", "value": "1018"}


def test_gsm8k_teaches_without_its_calculator_marks() -> None:
    example = ADAPTER.example(GSM)
    assert example is not None
    assert example.messages[-1].content == "He has 3 * 6 = 18.\n#### 1,018"


def test_svamp_and_gsm_hard_have_their_own_fields() -> None:
    svamp = ADAPTER.case({"Body": "There are 5 cars", "Question": "How many wheels?", "Answer": 20.0})
    hard = ADAPTER.case({"input": "How many?", "target": -1234.56789, "code": "..."})
    assert svamp is not None
    assert hard is not None
    assert svamp.messages[0].content == "There are 5 cars. How many wheels?"
    assert svamp.expected.check["value"] == "20"
    assert hard.expected.check["tolerance"] == "1/1000"


def test_a_bare_number_teaches_nothing() -> None:
    assert ADAPTER.example({"question": "How many?", "answer": "18"}) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"answer": "#### 1"}, "question"),
        ({"question": "How many?"}, "answer"),
        ({"question": "How many?", "answer": "#### many"}, "answer"),
        ({"question": "How many?", "answer": "#### -"}, "answer"),
        ({"question": "How many?", "answer": True}, "answer"),
        ({"question": "How many?", "target": float("nan")}, "target"),
        ({"Body": "x", "Question": "", "Answer": 1}, "Question"),
    ],
)
def test_a_malformed_row_says_its_field(row: dict[str, object], field: str) -> None:
    with pytest.raises(UserError) as raised:
        ADAPTER.case(row)
    assert raised.value.field == field
