"""What catches the eye is counted, and plain prose has none of it."""

import pytest

from trimtab.text import Surface, surface

PLAIN = "The kettle boils at 100 degrees. It takes three minutes, as the manual says."


def test_plain_prose_has_none_of_it() -> None:
    assert surface(PLAIN) == Surface(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flattery", "Great question! The kettle is blue."),
        ("flattery", "You’re absolutely right about the kettle."),
        ("flattery", "I'd be happy to help you with that."),
        ("refusals", "I'm sorry, but that cannot be done."),
        ("refusals", "As an AI language model, I have no kettle."),
        ("headings", "# Kettles\nThey boil."),
        ("headings", "**Kettles**\nThey boil."),
        ("bold", "The **blue** kettle."),
        ("emoji", "It boils \U0001f600"),
        ("exclamations", "It boils!"),
    ],
)
def test_each_is_counted(name: str, text: str) -> None:
    assert getattr(surface(text), name) >= 1
    assert getattr(surface(f"{text}\n{PLAIN}"), name) == getattr(surface(text), name)


@pytest.mark.parametrize("text", ["This is a good question of law.", "a * b * c", "snake__case__name", "### "])
def test_what_only_looks_alike_counts_little(text: str) -> None:
    found = surface(text)
    assert (found.bold, found.headings, found.emoji) == (0, 0, 0)
