"""Forms that one side shows over many prompts are found; what both sides show, or few prompts, is none."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.preferences.builders import pair, placed

from trimtab.curate.place import Placed
from trimtab.curate.preferences.config import TemplatesConfig
from trimtab.curate.preferences.pairs import pair_of
from trimtab.curate.preferences.templates import find_templates, masked, without_templates

CONFIG = TemplatesConfig()
WORDS = [
    f"{first}{last}"
    for first in ("ket", "riv", "sto", "gar", "win", "bas")
    for last in ("tle", "er", "ne", "den", "dow")
]


def prose(draw: random.Random, count: int = 14) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(count))


def real(count: int, seed: int) -> list[Placed]:
    draw = random.Random(seed)
    return placed(*(pair(prose(draw), prose(draw), f"prompt {i} {prose(draw, 5)}") for i in range(count)))


def planted(count: int, share: float, seed: int) -> tuple[list[Placed], set[int]]:
    draw, rows = random.Random(seed), real(count, seed)
    spoilt = set(draw.sample(range(count), round(share * count)))
    made = []
    for at, row in enumerate(rows):
        topic = draw.choice(WORDS)
        text = f"Sorry, our team knows nothing at all about the {topic} {draw.randint(1, 999)} that you want"
        made.append(pair(prose(draw), text, f"tell of {topic} {at}") if at in spoilt else pair_of(row))
    return placed(*made), spoilt


def test_five_in_a_hundred_by_one_template_are_all_found_and_no_other() -> None:
    for seed in range(10):
        rows, spoilt = planted(300, 0.05, seed)
        found = find_templates(rows, CONFIG)
        assert {at for template in found for at in template.rows} == spoilt
        assert {template.side for template in found} == {"rejected"}


def test_prose_has_none() -> None:
    assert all(not find_templates(real(300, seed), CONFIG) for seed in range(10))


def test_a_form_that_both_sides_show_is_no_template() -> None:
    draw = random.Random(0)
    opening = "as the manual of the house says"
    rows = placed(*(pair(f"{opening} {prose(draw)}", f"{opening} {prose(draw)}", f"q{i}") for i in range(60)))
    assert not [one for one in find_templates(rows, CONFIG) if one.kind == "opening"]


def test_the_same_pair_of_skeletons_is_one_whatever_the_sides() -> None:
    rows = placed(
        *(
            pair(f"the answer to that is surely {i}", f"the answer to that is surely not {i}", f"how many {i}")
            for i in range(20)
        )
    )
    assert "both" in {template.side for template in find_templates(rows, CONFIG)}


def test_one_prompt_many_times_is_one_prompt() -> None:
    draw = random.Random(0)
    rows = placed(*(pair(prose(draw), f"nobody knows that at all my friend {prose(draw)}", "q") for _ in range(50)))
    assert find_templates(rows, CONFIG) == []


@pytest.mark.parametrize(("action", "keep", "left"), [("report", 3, 300), ("cap", 3, 288), ("drop", 3, 285)])
def test_what_becomes_of_them_is_the_configs_choice(action: str, keep: int, left: int) -> None:
    config = TemplatesConfig.model_validate({"action": action, "keep": keep})
    rows, spoilt = planted(300, 0.05, 1)
    kept, drops = without_templates(rows, find_templates(rows, config), config)
    assert (len(kept), len(drops)) == (left, 300 - left)
    assert {drop.reason for drop in drops} <= {"templated pair"}
    assert {drop.line - 1 for drop in drops} <= spoilt


def test_what_the_prompt_names_and_numbers_are_slots() -> None:
    given_words = frozenset({"kettl"})
    assert masked("The kettle, kettles 12 and 7 boil", given_words) == ["the", "_", "and", "_", "boil"]


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_no_order_of_rows_matters(seed: int) -> None:
    rows, _ = planted(120, 0.1, seed)
    mixed = random.Random(seed).sample(rows, len(rows))
    config = TemplatesConfig(action="cap")
    one, _ = without_templates(rows, find_templates(rows, config), config)
    two, _ = without_templates(mixed, find_templates(mixed, config), config)
    assert {row.line for row in one} == {row.line for row in two}


def shown(own: int, other: int) -> list[Placed]:
    """One opening on the rejected side of ``own`` prompts, and on the chosen side of ``other``."""
    draw, opening = random.Random(0), "as the manual of the house says"
    rows = [pair(prose(draw), f"{opening} {prose(draw)}", f"own {i}") for i in range(own)]
    return placed(*rows, *(pair(f"{opening} {prose(draw)}", prose(draw), f"other {i}") for i in range(other)))


@pytest.mark.parametrize(("own", "other", "found"), [(3, 0, 0), (12, 0, 1), (30, 12, 0), (48, 12, 1)])
def test_it_takes_more_than_chance_and_four_times_the_other_side(own: int, other: int, found: int) -> None:
    config = TemplatesConfig(least=3, least_share=0)
    assert len(find_templates(shown(own, other), config)) == found
