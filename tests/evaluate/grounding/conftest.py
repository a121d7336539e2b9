"""Three passages that the tests of grounding lean on."""

import pytest

PASSAGES = {
    "war-1": "Guarantee\nEvery stove carries a seven-year guarantee against faults in material.",
    "ret-1": "Returns\nUnused goods may be sent back within 45 days. Postage costs $4.50.",
    "osp-1": "Osprey\nThe Osprey weighs 540 grams and burns petrol or diesel.",
}


@pytest.fixture(scope="session")
def known() -> dict[str, str]:
    return dict(PASSAGES)
