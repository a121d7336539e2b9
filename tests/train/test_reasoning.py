"""Runs on rows with reasoning: what is kept is taught, what ``auto`` measured decides, a killed run goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.train.test_loop import KillAt, Killed

from trimtab.model import Dialect, weights_digest
from trimtab.records import Example, Message, UserError
from trimtab.train import SftConfig, TrainReport, train_sft
from trimtab.train.forest.batch import Group
from trimtab.train.reasoning.ablation import decide, judge
from trimtab.train.reasoning.examine import Mark, same
from trimtab.train.reasoning.rows import reasoned_group, stripped, usable
from trimtab.train.rows import example_group

CALL = '<tool_call>{"name": "search", "arguments": {}}</tool_call>'
AUTO = SftConfig(
    reasoning="auto",
    reasoning_rows=16,
    reasoning_probes=8,
    reasoning_tokens=8,
    rows_per_step=8,
    learning_rate=1e-3,
    precision="float32",
    checkpoint_every=1,
)


def row(number: int, reasoning: str | None = "one by one") -> Example:
    return Example((Message("user", f"Count to {number}."), Message("assistant", f"{number}.", reasoning=reasoning)))


ROWS = [row(number) for number in range(24)]


def taught_text(dialect: Dialect, group: Group) -> list[str]:
    """What each sequence of the group is trained to say."""
    return [dialect.decode(sequence.ids_L[sequence.weight_L > 0].tolist()) for sequence in group]


def go(folder: Path, place: Path, rows: Sequence[Example], config: SftConfig, progress: Any = None) -> TrainReport:
    return train_sft(folder, rows, config, work=place / "work", out=place / "out", progress=progress)


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainReport]:
    """A whole auto run: where, and its report."""
    place = tmp_path_factory.mktemp("whole")
    return place, go(folder, place, ROWS, AUTO)


def test_keep_trains_the_think_tokens_and_strip_does_not(folder: Path) -> None:
    dialect = Dialect.of(folder)
    kept, left = reasoned_group(row(3), dialect), example_group(row(3), dialect)
    assert taught_text(dialect, kept) == ["<think>\none by one\n</think>\n\n3.<|im_end|>"]
    assert taught_text(dialect, left) == ["3.<|im_end|>"]
    assert "one by one" not in dialect.decode(left[0].ids_L.tolist())


def test_an_answer_that_quotes_the_marker_is_no_reasoning(folder: Path) -> None:
    dialect = Dialect.of(folder)
    turn = Message("assistant", "<think>quoted</think> is a marker")
    (said,) = taught_text(dialect, example_group(Example((Message("user", "What?"), turn)), dialect))
    assert dialect.parse(said) == turn
    assert dialect.parse(said.replace("<\\", "<")).reasoning == "quoted", "what the escape prevents"


def test_a_call_inside_reasoning_is_never_made(folder: Path) -> None:
    said = Dialect.of(folder).parse(f"<think>\nI could {CALL}\n</think>\n\nNo.<|im_end|>")
    assert (said.content, said.tool_calls, said.reasoning) == ("No.", (), f"I could {CALL}")


@pytest.mark.parametrize(
    ("answer", "right", "expected"),
    [
        ("Ada", "ada.", True),
        ("Ada or Ben", "Ada", False),
        ("It is 1,000.", "So the answer is 1000", True),
        ("1000 or 7", "1000", False),
        ("-5", "5", False),
        ("3.5 m", "3 5 m", False),
        ("no idea", "5", False),
        ("Room 5 is free", "Room 6 is free", False),
        ("+", "-", False),
        ("", "", True),
    ],
)
def test_answers_are_compared_by_their_normal_form_or_last_number(answer: str, right: str, expected: bool) -> None:
    assert same(Message("assistant", answer, reasoning="x"), Message("assistant", right)) is expected


def marks(right: int, of: int) -> list[Mark]:
    return [Mark(number < right, 0.5, 4) for number in range(of)]


@pytest.mark.parametrize(
    ("with_", "without", "choice"),
    [(40, 10, "keep"), (10, 40, "strip"), (25, 25, "strip"), (26, 25, "strip"), (50, 50, "strip")],
)
def test_only_what_is_surely_better_is_kept(with_: int, without: int, choice: str) -> None:
    decision = judge(marks(with_, 50), marks(without, 50))
    metrics = decision.metrics or {}
    assert (decision.choice, metrics["reasoning_kept"]) == (choice, float(choice == "keep"))
    assert metrics["reasoning_gain"] == pytest.approx((with_ - without) / 50)
    assert metrics["reasoning_gain_low"] <= metrics["reasoning_gain"] <= metrics["reasoning_gain_high"]
    assert (metrics["reasoning_gain_low"] > 0) is (choice == "keep")


def test_rows_of_one_question_count_as_one() -> None:
    questions = [str(number) for number in range(24)]
    assert judge(marks(12, 24), marks(0, 24), questions).choice == "keep"
    assert judge(marks(12, 24), marks(0, 24), ["a"] * 12 + ["b"] * 12).choice == "strip"


def test_an_auto_run_teaches_what_it_decided(folder: Path, tmp_path: Path, whole: tuple[Path, TrainReport]) -> None:
    place, report = whole
    assert report.metrics["reasoning_probes"] == 8
    taught = {}
    for choice in ("keep", "strip"):
        go(folder, tmp_path / choice, ROWS, AUTO.model_copy(update={"reasoning": choice}))
        taught[choice] = weights_digest(tmp_path / choice / "out")
    assert taught["keep"] != taught["strip"]
    decided = "keep" if report.metrics["reasoning_kept"] else "strip"
    assert weights_digest(place / "out") == taught[decided]
    assert report.notes[-1].startswith({"keep": "reasoning kept", "strip": "reasoning stripped"}[decided])


@pytest.mark.parametrize("where", ["keep", "strip", "run"])
def test_a_killed_auto_run_goes_on_to_the_same_bits(
    folder: Path, tmp_path: Path, whole: tuple[Path, TrainReport], where: str
) -> None:
    rows, steps = 16, 2
    steps_before = {"keep": rows, "strip": 2 * rows + steps, "run": 2 * (rows + steps) + len(ROWS)}
    with pytest.raises(Killed):
        go(folder, tmp_path, ROWS, AUTO, KillAt(steps_before[where] + 2))
    reasoning = tmp_path / "work" / "reasoning"
    assert (reasoning / "decision.json").is_file() is (where == "run")
    assert (reasoning / "keep" / "report.json").is_file() is (where == "strip")
    report = go(folder, tmp_path, ROWS, AUTO)
    assert weights_digest(tmp_path / "out") == weights_digest(whole[0] / "out")
    assert report.losses == whole[1].losses
    decided = {name: value for name, value in report.metrics.items() if name.startswith("reasoning_")}
    assert decided.items() <= whole[1].metrics.items()


def test_rows_without_reasoning_train_as_ever(folder: Path, tmp_path: Path) -> None:
    rows = [stripped(one) for one in ROWS[:8]]
    report = go(folder, tmp_path, rows, AUTO)
    go(folder, tmp_path / "plain", rows, AUTO.model_copy(update={"reasoning": "strip"}))
    assert report.metrics["reasoning_kept"] == 0.0
    assert "reasoning_gain" not in report.metrics
    assert weights_digest(tmp_path / "out") == weights_digest(tmp_path / "plain" / "out")


def test_a_row_that_cannot_be_taught_is_named_before_anything_is(folder: Path, tmp_path: Path) -> None:
    config = AUTO.model_copy(update={"max_tokens": 200})
    with pytest.raises(UserError, match=r"row 25 .*tokens"):
        go(folder, tmp_path, [*ROWS, row(99, "step " * 60)], config)
    assert not (tmp_path / "work" / "reasoning").exists()


def test_a_dropped_row_is_neither_taught_nor_asked(folder: Path, tmp_path: Path) -> None:
    long = row(99, "step " * 60)
    config = AUTO.model_copy(update={"max_tokens": 200, "bad_rows": "drop", "reasoning_rows": 100})
    seen: dict[str, list[str]] = {}
    dialect = Dialect.of(folder)

    def teach(rows: Sequence[Example], plain: SftConfig, work: Path) -> Path:
        seen[plain.reasoning] = [one.id for one in rows]
        return work

    def ask(model: Path, rows: Sequence[Example]) -> list[Mark]:
        seen["asked"] = [one.id for one in rows]
        return marks(0, len(rows))

    decide([long, *ROWS], config, tmp_path, teach, ask, "key", lambda rows: usable(rows, dialect, config))
    assert seen["keep"] == seen["strip"]
    assert sorted([*seen["keep"], *seen["asked"]]) == sorted(one.id for one in ROWS)
