"""Salt: the share is met by hard rows with checked answers, a shortfall is said, and each other hard row is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate import Imported, Quarantine, curate
from trimtab.curate.config import CurateConfig, MixConfig
from trimtab.curate.place import Placed
from trimtab.curate.strata.config import HardConfig
from trimtab.curate.strata.evidence import evidence_of
from trimtab.curate.strata.hard import is_hard, salted_mix_stage
from trimtab.records import Example, Message, ToolCall, UserError


def row(text: str, *, hard: bool = False, checked: bool = True, **provenance: Any) -> Placed:
    labels = {"difficulty": "hard"} if hard else {}
    who = {"annotator": "ann"} if checked else {}
    bad = ((Message("assistant", "wrong"),),) if hard else ()
    example = Example(
        (Message("user", text), Message("assistant", "x")),
        labels=labels,
        provenance={**provenance, **who},
        rejected=bad,
    )
    return Placed(example, "set")


def rows(ordinary: int, hard: int, checked: bool = True) -> list[Placed]:
    return [*(row(f"o{i}") for i in range(ordinary)), *(row(f"h{i}", hard=True, checked=checked) for i in range(hard))]


def hard_of(found: Any) -> int:
    return sum(placed.row.labels.get("difficulty") == "hard" for placed in found)


@given(st.integers(1, 200), st.integers(0, 100), st.floats(0, 0.6))
def test_the_share_is_met_to_the_row_or_the_shortfall_is_said(ordinary: int, hard: int, share: float) -> None:
    staged = salted_mix_stage(rows(ordinary, hard), None, HardConfig(share=share), 0)
    salt = staged.findings["salt"]
    assert hard_of(staged.rows) == salt["taken"] == salt["companions"] == min(hard, salt["wanted"])
    assert abs(salt["wanted"] - share * (ordinary + salt["wanted"])) <= 1
    assert salt["short"] == salt["wanted"] - salt["taken"]
    assert ("advice" in salt) == (salt["short"] > 0)
    assert len(staged.rows) + len(staged.drops) == ordinary + hard


def test_hard_rows_that_nothing_checks_are_named_and_left_out_unless_let_in() -> None:
    given_rows = rows(90, 10, checked=False)
    staged = salted_mix_stage(given_rows, None, HardConfig(share=0.1), 0)
    assert hard_of(staged.rows) == 0
    assert {drop.reason for drop in staged.drops} == {"hard, unchecked"}
    assert hard_of(salted_mix_stage(given_rows, None, HardConfig(share=0.1, unchecked=True), 0).rows) == 10


def test_the_total_of_the_mix_counts_the_salt() -> None:
    config = MixConfig(by=("source",), total=40)
    staged = salted_mix_stage(rows(100, 30), config, HardConfig(share=0.25), 0)
    assert (len(staged.rows), hard_of(staged.rows)) == (40, 10)


def test_salt_and_a_mix_by_difficulty_contradict_each_other() -> None:
    with pytest.raises(UserError, match="both the mix and the salt"):
        salted_mix_stage(rows(2, 1), MixConfig(by=("difficulty",)), HardConfig(share=0.1), 0)


def test_without_the_section_hard_rows_pass_as_they_are() -> None:
    assert len(salted_mix_stage(rows(3, 2), None, None, 0).rows) == 5


def test_a_row_is_hard_by_measure_by_label_or_by_an_edit_as_configured() -> None:
    measured = Example((), labels={"difficulty": "hard"}, provenance={"difficulty": {"loss": 9.0}})
    labelled = Example((), labels={"difficulty": "hard"})
    edited = Example((), provenance={"source": "harvest", "parents": ["t1"]})
    found = {
        by: [is_hard(one, HardConfig(share=0.1, by=(by,))) for one in (measured, labelled, edited)]
        for by in ("measured", "labelled", "edited")
    }
    assert found == {
        "measured": [True, False, False],
        "labelled": [False, True, False],
        "edited": [False, False, True],
    }


TOOLS: tuple[dict[str, Any], ...] = (
    {"type": "function", "function": {"name": "sum", "parameters": {"properties": {"a": {}}, "required": ["a"]}}},
)
PASSAGE = Message("tool", '[{"id": "kb-1", "text": "It costs 12."}]', tool_call_id="1")


@pytest.mark.parametrize(
    ("turns", "labels", "expected"),
    [
        ((Message("assistant", "", (ToolCall("sum", {"a": 1}),)),), {}, "calls"),
        ((Message("assistant", "", (ToolCall("sum", {"b": 1}),)),), {}, ""),
        ((Message("assistant", "", (ToolCall("nope", {"a": 1}),)),), {}, ""),
        ((PASSAGE, Message("assistant", "It costs 12 [kb-1].")), {}, "citations"),
        ((PASSAGE, Message("assistant", "It costs 13 [kb-1].")), {}, ""),
        ((PASSAGE, Message("assistant", "It costs 12 [kb-2].")), {}, ""),
        ((PASSAGE, Message("assistant", "It costs 12.")), {}, "numbers"),
        ((Message("assistant", "It is blue."),), {"reference": "blue"}, "reference"),
        ((Message("assistant", "It is blue."),), {"quality": 0.9}, "quality"),
        ((Message("assistant", "It is blue."),), {"quality": 0.2}, ""),
        ((Message("assistant", "It is blue."),), {"quality": {}, "quality_given": 0.9}, "quality"),
    ],
)
def test_evidence_checks_the_answer_or_there_is_none(turns: Any, labels: dict[str, Any], expected: str) -> None:
    example = Example((Message("user", "How much?"), *turns), TOOLS, labels)
    assert evidence_of(example, 0.5) == expected


def test_a_users_edit_is_a_persons_answer_whoever_the_user_was() -> None:
    turns = (Message("user", "How much?"), Message("assistant", "It is blue."))
    assert evidence_of(Example(turns, provenance={"source": "harvest", "parents": ["t1"]})) == "person"
    assert evidence_of(Example(turns, provenance={"parents": ["t1"]})) == ""


def test_a_quality_that_came_with_the_row_still_counts_behind_the_whole_door() -> None:
    towns = ["Oslo", "Bern", "Rome", "Bonn", "Lyon", "Kyiv", "Riga", "Graz", "Turku", "Porto"]
    given_rows = [
        Placed(
            Example(
                (
                    Message("user", f"What is the weather like in {town}?"),
                    Message("assistant", f"In {town} it is mild."),
                ),
                labels={"quality": 0.9, "difficulty": "hard" if i < 2 else "easy"},
            ),
            "set",
        )
        for i, town in enumerate(towns)
    ]
    config = CurateConfig.model_validate({"hard": {"share": 0.2, "min_quality": 0.5}})
    done = curate(Imported(tuple(given_rows), (), {}), config, Quarantine(config.quarantine))
    assert hard_of(done.report.rows) == done.report.findings["mix"]["salt"]["taken"] == 2
