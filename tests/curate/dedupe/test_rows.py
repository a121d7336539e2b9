"""Rows that repeat others: the best of each stays, numbers tell rows apart, and the clusters are told."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from trimtab.curate.config import DedupeConfig
from trimtab.curate.dedupe import dedupe, dedupe_stage, drops_of
from trimtab.curate.place import Placed
from trimtab.curate.units import learnt_text
from trimtab.curate.vectors import Embed
from trimtab.records import Comparison, Example, Message, UserError

STEM = (
    "please tell me how I can send the blue kettle back to the shop when its lid is broken and the receipt is gone"
    " since I threw the box away last week"
)


def example(question: str, answer: str = "You can send it back.", **labels: str) -> Example:
    return Example((Message("user", question), Message("assistant", answer)), labels=labels)


def placed(*rows: Example | Comparison) -> list[Placed]:
    return [Placed(row, "set", "set.jsonl", i) for i, row in enumerate(rows, start=1)]


def test_equal_rows_and_nearly_equal_rows_give_way_to_the_first() -> None:
    rows = placed(example(STEM), example(STEM), example(STEM + " sorry"), example("Something else entirely, then?"))
    kept, twins = dedupe(rows, DedupeConfig())
    drops = drops_of(twins)
    assert [row.line for row in kept] == [1, 4]
    assert [(drop.reason, drop.line) for drop in drops] == [("duplicate", 2), ("near duplicate", 3)]
    assert "set.jsonl:1" in drops[1].detail


def test_the_best_is_kept_not_the_first() -> None:
    judged = Example(example(STEM).messages, provenance={"annotator": "ann"})
    kept, _ = dedupe(placed(example(STEM), example(STEM, domain="shop"), judged), DedupeConfig())
    assert [row.line for row in kept] == [3]


@pytest.mark.parametrize(("matter", "left"), [(True, 2), (False, 1)])
def test_rows_that_differ_in_a_number_are_two_where_numbers_matter(matter: bool, left: int) -> None:
    rows = placed(example(STEM + " order A-17"), example(STEM + " order A-18"))
    kept, _ = dedupe(rows, DedupeConfig(numbers_matter=matter))
    assert len(kept) == left


def test_threshold_one_drops_equal_rows_only() -> None:
    kept, _ = dedupe(placed(example(STEM), example(STEM + " sorry"), example(STEM)), DedupeConfig(threshold=1))
    assert [row.line for row in kept] == [1, 2]


def test_a_chat_and_a_pair_of_the_same_words_are_not_one() -> None:
    pair = Comparison((Message("user", STEM),), (Message("assistant", "yes"),), (Message("assistant", "no"),))
    kept, _ = dedupe(placed(example(STEM, "yes no"), pair), DedupeConfig())
    assert len(kept) == 2


def test_system_prompts_and_tool_results_do_not_make_rows_differ() -> None:
    one = example(STEM)
    other = Example((Message("system", "Be kind, be brief, and never promise money."), *one.messages))
    assert learnt_text(one) == learnt_text(other)
    kept, _ = dedupe(placed(one, other), DedupeConfig())
    assert len(kept) == 1


def test_clusters_are_told_with_the_row_that_stays_and_each_that_gave_way() -> None:
    rows = placed(example(STEM), example(STEM), example(STEM + " sorry"), example("Something else entirely, then?"))
    staged = dedupe_stage(rows, DedupeConfig())
    assert len(staged.rows) + len(staged.drops) == len(rows)
    assert staged.findings["clusters"] == 1
    assert staged.findings["sizes"] == {"3": 1}
    assert staged.findings["by_how"] == {"duplicate": 1, "near duplicate": 1}
    (cluster,) = staged.findings["largest"]
    assert cluster["kept"] == "set.jsonl:1"
    assert [(member["place"], member["how"]) for member in cluster["members"]] == [
        ("set.jsonl:2", "duplicate"),
        ("set.jsonl:3", "near duplicate"),
    ]
    assert cluster["members"][1]["score"] >= 0.8


def test_a_row_that_gave_way_to_one_that_gave_way_is_of_the_cluster_of_the_last() -> None:
    """A copy of a row that was itself near the best."""
    rows = placed(example(STEM, domain="shop"), example(STEM + " sorry"), example(STEM + " sorry"))
    staged = dedupe_stage(rows, DedupeConfig())
    (cluster,) = staged.findings["largest"]
    assert (cluster["kept"], cluster["size"]) == ("set.jsonl:1", 3)


def by_first_word(*_: object) -> Embed:
    """Embeds by the first word alone: rows that begin alike mean the same."""

    def embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        firsts = sorted({text.split()[0] for text in texts})
        return np.array([np.eye(len(firsts))[firsts.index(text.split()[0])] for text in texts], np.float32)

    return embed


def test_rows_that_mean_the_same_give_way_where_a_model_says_so() -> None:
    rows = placed(example("Where is my order?"), example("Where did it go?"), example("Refund me."))
    kept, twins = dedupe(rows, DedupeConfig(semantic=0.9), by_first_word())
    assert [row.line for row in kept] == [1, 3]
    assert [(drop.reason, drop.line) for drop in drops_of(twins)] == [("same meaning", 2)]


def test_meaning_without_a_model_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="embedding model") as caught:
        dedupe(placed(example("one")), DedupeConfig(semantic=0.9))
    assert caught.value.fix is not None


def test_numbers_tell_rows_apart_in_meaning_too() -> None:
    rows = placed(example("Order A-17 is late."), example("Order A-18 is late."))
    kept, _ = dedupe(rows, DedupeConfig(semantic=0.5), by_first_word())
    assert len(kept) == 2
