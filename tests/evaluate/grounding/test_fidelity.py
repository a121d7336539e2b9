"""What is referred to is real or not; beside a wrong quotation stands the nearest real one."""

from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.grounding import fidelity, nearest_quote, wrong_quotes
from trimtab.text import normalise

SOURCE = "Unused goods may be sent back within 45 days. Postage costs $4.50, and we pay it back for faulty goods."


def test_the_nearest_real_quote_is_shown_as_its_source_writes_it() -> None:
    found = wrong_quotes('It says "sent back within 30 days" [ret-1].', {"ret-1": SOURCE}, [])
    assert [(one.quote, one.nearest) for one in found] == [("sent back within 30 days", "sent back within 45 days.")]


def test_a_real_quotation_is_no_wrong_one_whatever_its_case_and_stops() -> None:
    assert wrong_quotes('As written: "Postage costs $4.50, AND we pay"', {}, [SOURCE]) == []
    assert fidelity('As written: "Postage costs $4.50, AND we pay"', {}, [SOURCE]) == 1


def test_a_quotation_that_nothing_resembles_has_no_nearest() -> None:
    assert nearest_quote("zebras graze quietly", [SOURCE]) == ""
    assert nearest_quote("zebras graze quietly", []) == ""


@given(st.integers(0, 12), st.integers(3, 7))
def test_a_run_of_the_source_is_its_own_nearest(start: int, size: int) -> None:
    run = " ".join(SOURCE.split()[start : start + size])
    assert normalise(nearest_quote(run, [SOURCE])) == normalise(run)
