"""The behaviour changelog: what moved by how much, where, and what was changed to move it."""

from collections.abc import Callable
from dataclasses import replace

from trimtab.records import Metric, Release, Scorecard
from trimtab.release import changelog, moves

MakeCard = Callable[..., Scorecard]
MakeRelease = Callable[..., Release]
N = 150


def scores(share: float) -> dict[str, float]:
    return {f"c{i}": float(i < share * N) for i in range(N)}


def pair(make_card: MakeCard, make_release: MakeRelease) -> tuple[Release, Release]:
    slices = [{"domain:math": {"up": Metric(value, 50, value - 0.1, value + 0.1)}} for value in (0.3, 0.8)]
    before = make_card({"up": scores(0.4), "same": scores(0.5), "old": scores(0.5)}, slices=slices[0])
    after = make_card({"up": scores(0.7), "same": scores(0.5), "new": scores(0.5)}, slices=slices[1])
    steps = [{"name": "sft", "config": {"epochs": n, "rate": 1e-4}, "rows": 100 * n} for n in (1, 2)]
    old = make_release("old", scorecard=before.to_json(), steps=(steps[0], {"name": "dpo"}))
    new = make_release("new", scorecard=after.to_json(), steps=(steps[1], {"name": "refresh"}))
    return old, replace(
        new, behaviour=replace(new.behaviour, system_prompt="Be exact.\nBe brief.", decoding={"top_p": 0.9})
    )


def test_moves_are_named_with_interval_and_the_clearest_stands_first(
    make_card: MakeCard, make_release: MakeRelease
) -> None:
    old, new = pair(make_card, make_release)
    text = changelog(old, new)
    assert "| up | better | +0.300 [" in text
    assert "| 0.400 → 0.700 | 150 | case by case |" in text
    assert "| same | no clear change |" in text
    assert text.index("| up |") < text.index("| same |")
    assert "Measured on one side only: new, old." in text


def test_slices_that_moved_are_named_and_others_are_not(make_card: MakeCard, make_release: MakeRelease) -> None:
    old, new = pair(make_card, make_release)
    assert "| domain:math | up | better | +0.500 [" in changelog(old, new)
    assert "None beyond what chance explains." in changelog(old, replace(new, scorecard=old.scorecard))


def test_every_changed_input_is_named_and_no_other(make_card: MakeCard, make_release: MakeRelease) -> None:
    changed = changelog(*pair(make_card, make_release)).split("## What was changed")[1]
    for line in (
        "- model: `",
        "+Be brief.",
        "- decoding: top_p `none` → `0.9`",
        "- step sft: config.epochs `1` → `2`",
        "- step sft: rows `100` → `200`",
        "- step refresh: new",
        "- step dpo: gone",
    ):
        assert line in changed
    assert "rate" not in changed
    assert "policy" not in changed


def test_a_release_against_itself_moved_nothing(make_card: MakeCard, make_release: MakeRelease) -> None:
    old, _ = pair(make_card, make_release)
    text = changelog(old, old)
    assert "better" not in text
    assert "worse" not in text
    assert "Nothing: the two are made of the same parts" in text


def test_what_was_not_measured_or_not_on_the_same_cases_is_not_compared(
    make_card: MakeCard, make_release: MakeRelease
) -> None:
    old, new = pair(make_card, make_release)
    assert "one of the two was not evaluated" in changelog(replace(old, scorecard={}), new)
    assert "neither was evaluated" in changelog(replace(old, scorecard={}), replace(new, scorecard={}))
    other = {**new.scorecard, "suite_digest": "o" * 64}
    assert "scored on different cases" in changelog(old, replace(new, scorecard=other))


def test_moves_of_equal_cards_are_not_clear(make_card: MakeCard) -> None:
    card = make_card({"a": scores(0.5), "b": scores(0.9)})
    assert {one.moved for one in moves(card, card)} == {"no clear change"}
