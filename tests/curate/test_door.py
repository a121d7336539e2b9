"""The door: nothing sealed gets in, nothing is lost silently, and the same input gives the same rows."""

from pathlib import Path
from typing import Any

import pytest

from trimtab.curate import CurateConfig, Imported, MixConfig, Placed, Quarantine, curate, place_rows
from trimtab.records import Case, Comparison, Example, Expected, Message, Row, Unpaired, UserError

SEALED = "Please tell me how long I may keep the kettle before sending it back to you"
NAMES = [f"{first}{last}" for first in ("an", "el", "or", "ti") for last in ("na", "bo", "ris", "wen", "zo")]


def chat(question: str, answer: str = "Yes.", action: str = "answer") -> Example:
    return Example(
        (Message("user", question), Message("assistant", answer)), labels={"action": action, "domain": "shop"}
    )


def pair(question: str, chosen: str, rejected: str) -> Comparison:
    return Comparison((Message("user", question),), (Message("assistant", chosen),), (Message("assistant", rejected),))


def quarantine() -> Quarantine:
    found = Quarantine()
    found.add(Case((Message("user", SEALED),), Expected("answer")), "sealed.jsonl", 1)
    return found


def imported(*rows: Row) -> Imported:
    return Imported(tuple(Placed(row, "set", "set.jsonl", i) for i, row in enumerate(rows, start=1)))


ROWS: tuple[Row, ...] = (
    chat("Where is the key of the house?"),
    chat("Where is the key of the house?"),
    chat(SEALED),
    chat("What does the law say of that?", "I do not know.", "defer"),
    pair("Which one is best of all?", "This one.", "That one."),
    pair("Which one is worst of all?", "Same.", "same"),
    Unpaired((Message("user", "Was it any good at all?"),), (Message("assistant", "No."),), True),
)


def test_what_was_read_is_kept_or_dropped_with_a_reason_and_a_place() -> None:
    done = curate(imported(*ROWS), CurateConfig(), quarantine())
    report = done.report.to_json()
    assert (len(done.examples), len(done.comparisons), len(done.unpaired)) == (2, 1, 1)
    assert report["read"] == len(ROWS)
    assert report["kept"] == {"examples": 2, "comparisons": 1, "unpaired": 1}
    assert report["drops"]["by_reason"] == {"duplicate": 1, "no difference": 1, "quarantine": 1}
    assert {(drop["file"], drop["line"]) for drop in report["drops"]["rows"]} == {("set.jsonl", n) for n in (2, 3, 6)}
    assert report["by_action"] == {"answer": 1, "defer": 1}
    assert report["by_source"] == {"set": 4}
    assert report["findings"]["quarantine"]["cases"] == 1


def test_a_contaminated_row_never_passes_and_its_case_is_named() -> None:
    done = curate(imported(chat(SEALED), chat("Something else, is it not?")), CurateConfig(), quarantine())
    assert [row.messages[0].content for row in done.examples] == ["Something else, is it not?"]
    (drop,) = done.report.drops
    assert "sealed.jsonl:1" in drop.detail
    assert curate(imported(chat(SEALED)), CurateConfig(), Quarantine()).examples


def test_the_mix_is_of_examples_and_its_shortfall_is_said() -> None:
    config = CurateConfig(mix=MixConfig(shares={"answer": 0.5, "defer": 0.5}, total=4))
    rows = [*(chat(f"What is {name} called at home?") for name in NAMES), ROWS[3], ROWS[4]]
    done = curate(imported(*rows), config, quarantine())
    assert len(done.examples) == 3
    assert len(done.comparisons) == 1
    assert "defer: 1 of 2 rows wanted; 1 short" in done.report.sentences()
    assert done.report.to_json()["read"] == len(rows)


def test_the_same_input_gives_the_same_rows_and_another_seed_others() -> None:
    rows = [chat(f"What is {name} called at home?") for name in NAMES]

    def ids(seed: int) -> list[str]:
        config = CurateConfig(mix=MixConfig(total=8), seed=seed)
        return [row.id for row in curate(imported(*rows), config, quarantine()).examples]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_the_system_prompt_goes_before_rows_that_have_none() -> None:
    own = Example((Message("system", "Own."), *chat("Has it a prompt of its own?").messages))
    done = curate(imported(*ROWS, own), CurateConfig(), quarantine(), system="Ours.")
    firsts = [row.messages[0] for row in done.examples]
    firsts += [row.prompt[0] for row in done.comparisons] + [row.prompt[0] for row in done.unpaired]
    assert {turn.role for turn in firsts} == {"system"}
    assert [turn.content for turn in firsts].count("Own.") == 1


def test_rows_from_no_file_are_named_by_their_source() -> None:
    done = curate(place_rows([ROWS[0], ROWS[0]], "harvest"), CurateConfig(), quarantine())
    (drop,) = done.report.drops
    assert drop.source == "harvest"
    assert "harvest" in drop.detail


@pytest.mark.parametrize(
    "section", [{"sources": [{"path": "a", "wieght": 2}]}, {"mix": {"shares": {"a": -1}}}, {"on_error": "ignore"}]
)
def test_a_config_that_means_nothing_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CurateConfig.model_validate(section)


def test_a_sealed_set_that_is_missing_stops_everything(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Quarantine.load(["data/quarantine/*.jsonl"], tmp_path)
