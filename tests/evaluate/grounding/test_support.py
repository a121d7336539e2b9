"""Support is read in one form: dates, units, amounts and names may be written otherwise than in the source."""

import pytest

from trimtab.evaluate.grounding.support import one_form, supported


@pytest.mark.parametrize(
    ("claim", "source", "held"),
    [
        ("The lease began on 4 March 2020.", "The lease began on 2020-03-04.", True),
        ("The lease began on March 4, 2020.", "Lease begun: 2020-03-04", True),
        ("The lease began on 5 March 2020.", "The lease began on 2020-03-04.", False),
        ("The lease began on 4 April 2020.", "The lease began on 2020-03-04.", False),
        ("The town has 1.5 million people.", "The town has 1,500,000 people.", True),
        ("The town has 1.6 million people.", "The town has 1,500,000 people.", False),
        ("The lamp weighs 540 grams.", "The lamp weighs 540g.", True),
        ("The lamp weighs 540 grams.", "The lamp weighs 450 g.", False),
        ("The price rose by 5 percent.", "The price rose by 5%.", True),
        ("It has six legs and two eyes.", "It has 6 legs and 2 eyes.", True),
        ("The parcels are delivered on Tuesdays.", "We deliver a parcel each Tuesday.", True),
        ("President Maria Silva opened the bridge.", "Maria Silva, the president, opened the bridge.", True),
        ("Perhaps it seems, possibly, that parcels weigh 2 kg.", "Parcels weigh 2 kg.", True),
        ("Jane Smith opened the bridge.", "Jane Doe opened the bridge. John Smith closed it.", False),
    ],
)
def test_one_form(claim: str, source: str, held: bool) -> None:
    assert supported(claim, source) is held


def test_what_is_in_its_form_stays() -> None:
    text = "On 4 March 2020 it weighed 540 grams, 5 percent of 1500000."
    assert one_form(text) == text
    assert one_form("2020-13-04 and 5 minus 3g/l") == "2020-13-04 and 5 minus 3 grams/l"
