"""Reasoning is kept only where it is surely better, and the question is asked once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.records import Example, Message
from trimtab.train import SftConfig, train_sft
from trimtab.train import run as module
from trimtab.train.reasoning.ablation import decide, judge, split
from trimtab.train.reasoning.examine import Mark

CONFIG = SftConfig(reasoning="auto", reasoning_rows=30, reasoning_probes=20)


def rows(count: int, reasoning: str | None = "because") -> list[Example]:
    return [
        Example((Message("user", f"Question {n}?"), Message("assistant", f"Answer {n}.", reasoning=reasoning)))
        for n in range(count)
    ]


def marks(exact: list[int], probability: float = 0.5) -> list[Mark]:
    return [Mark(bool(hit), probability, 10) for hit in exact]


class Arms:
    """Teaches nothing, and marks by arm."""

    def __init__(self, keep: float, strip: float) -> None:
        self.share = {"keep": keep, "strip": strip}
        self.taught: list[tuple[str, list[str]]] = []

    def teach(self, rows: object, config: SftConfig, work: Path) -> Path:
        assert isinstance(rows, list)
        self.taught.append((config.reasoning, [row.id for row in rows]))
        return work

    def examine(self, folder: Path, probes: object) -> list[Mark]:
        assert isinstance(probes, list)
        right = round(self.share[folder.name] * len(probes))
        return marks([1] * right + [0] * (len(probes) - right))

    def decide(self, examples: list[Example], work: Path, key: str = "k") -> str:
        return decide(examples, CONFIG, work, self.teach, self.examine, key).choice


@pytest.mark.parametrize(("keep", "strip", "choice"), [(0.9, 0.2, "keep"), (0.5, 0.5, "strip"), (0.2, 0.9, "strip")])
def test_it_is_kept_only_where_it_helps(tmp_path: Path, keep: float, strip: float, choice: str) -> None:
    assert Arms(keep, strip).decide(rows(60), tmp_path) == choice


def test_both_arms_have_the_same_rows_and_none_that_is_asked(tmp_path: Path) -> None:
    arms, examples = Arms(1, 0), rows(60)
    arms.decide(examples, tmp_path)
    (first, kept), (second, plain) = arms.taught
    assert (first, second) == ("keep", "strip")
    assert kept == plain
    assert len(kept) == CONFIG.reasoning_rows
    asked = {row.id for row in split(examples, CONFIG)[1]}
    assert len(asked) == CONFIG.reasoning_probes
    assert not asked & set(kept)


def test_rows_that_ask_the_same_are_never_on_both_sides() -> None:
    twice = rows(40) + rows(40, "another reason")
    taught, probes = split(twice, CONFIG)
    questions = [{row.messages[0].content for row in side} for side in (taught, probes)]
    assert not questions[0] & questions[1]


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(24)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    examples = rows(24)
    assert split([examples[i] for i in order], CONFIG) == split(examples, CONFIG)


def test_a_question_answered_before_is_not_asked_again(tmp_path: Path) -> None:
    assert Arms(1, 0).decide(rows(60), tmp_path) == "keep"
    again = Arms(0, 1)
    assert again.decide(rows(60), tmp_path) == "keep"
    assert again.taught == []
    assert again.decide(rows(60), tmp_path, "another question") == "strip"


def test_too_few_rows_with_reasoning_are_said_and_stripped(tmp_path: Path) -> None:
    arms = Arms(1, 0)
    found = decide(rows(60, None) + rows(5), CONFIG, tmp_path, arms.teach, arms.examine, "k")
    assert found.choice == "strip"
    assert "5 rows" in found.note
    assert arms.taught == []


def test_free_text_that_is_never_exact_is_told_by_the_answers_probability() -> None:
    better = judge([Mark(False, 0.5 + i / 100, 30) for i in range(20)], marks([0] * 20, 0.3))
    assert (better.choice, better.measure) == ("keep", "probability")
    assert judge(marks([0] * 20, 0.3), marks([0] * 20, 0.3)).choice == "strip"


def test_a_few_sure_and_wrong_answers_do_not_outweigh_the_right_ones() -> None:
    with_ = [Mark(True, 0.9, 30)] * 14 + [Mark(False, 1e-9, 30)] * 6
    assert judge(with_, marks([1] * 2 + [0] * 18, 0.2)).choice == "keep"


def test_the_note_and_the_metrics_carry_the_interval() -> None:
    found = judge(marks([1] * 18 + [0] * 2), marks([1] * 4 + [0] * 16))
    assert found.metrics is not None
    assert found.metrics["reasoning_exact_gain"] == pytest.approx(0.7)
    assert 0 < found.metrics["reasoning_exact_gain_low"] < 0.7 < found.metrics["reasoning_exact_gain_high"]
    assert "20 held-out rows" in found.note
    assert "+0.700" in found.note


def test_auto_teaches_as_decided_and_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(arm: Path, probes: list[Example], *rest: object) -> list[Mark]:
        return marks([arm.parent.name == "keep"] * len(probes))

    monkeypatch.setattr(module, "examine", examine)
    config = CONFIG.model_copy(update={"precision": "float32", "rows_per_step": 32})
    report = train_sft(folder, rows(24), config, work=tmp_path / "w", out=tmp_path / "out")
    kept = config.model_copy(update={"reasoning": "keep"})
    direct = train_sft(folder, rows(24), kept, work=tmp_path / "w2", out=tmp_path / "out2")
    assert report.metrics["reasoning_kept"] == 1
    assert report.losses == direct.losses
    assert report.tokens_real == direct.tokens_real
    assert any("held-out rows" in note for note in report.notes)
