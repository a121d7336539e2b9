"""A row's cheap key says equal exactly where its id does."""

from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate import Placed
from trimtab.records import Example, Message

TEXT = st.sampled_from(["a", "A", "é", "é"])


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_keys_are_equal_where_ids_are(a: tuple[str, str, str], b: tuple[str, str, str]) -> None:
    rows = [
        Example((Message("user", ask), Message("assistant", say)), labels={"domain": label})
        for ask, say, label in (a, b)
    ]
    keys = [Placed(row, "s").key for row in rows]
    assert (keys[0] == keys[1]) == (rows[0].id == rows[1].id)
