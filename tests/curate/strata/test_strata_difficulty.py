"""Difficulty: buckets by quantiles or fixed values, the harder signal decides, and nothing changes in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trimtab.curate.place import Placed
from trimtab.curate.strata.config import DifficultyConfig
from trimtab.curate.strata.difficulty import Difficulty, difficulty_stage, quantile
from trimtab.records import Comparison, Example, Message, ToolCall

LOSS = DifficultyConfig(measure="loss")


def row(text: str, **labels: object) -> Placed:
    return Placed(Example((Message("user", text), Message("assistant", "x")), labels=labels), "set", "a.jsonl", 3)


def levels(rows: list[Placed], known: dict[str, Difficulty], config: DifficultyConfig = LOSS) -> list[object]:
    return [placed.row.labels.get("difficulty") for placed in difficulty_stage(rows, config, lambda _: known).rows]


@given(st.lists(st.floats(-5, 5), min_size=1), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(sorted(values), share) == pytest.approx(np.quantile(values, share), abs=1e-9)


def test_thirds_by_loss_and_what_is_not_measured_stays_unknown() -> None:
    rows = [row(str(i)) for i in range(10)]
    known = {placed.key: Difficulty(loss=float(i)) for i, placed in enumerate(rows[:9])}
    assert levels(rows, known) == ["easy"] * 3 + ["medium"] * 3 + ["hard"] * 3 + [None]
    staged = difficulty_stage(rows, LOSS, lambda _: known)
    assert staged.findings["levels"] == {"easy": 3, "hard": 3, "medium": 3, "unknown": 1}
    assert staged.rows[0].row.provenance["difficulty"]["loss"] == 0.0


def test_a_low_pass_rate_and_a_low_margin_are_hard() -> None:
    rows = [row("a"), row("b")]
    known = {rows[0].key: Difficulty(pass_rate=0.0), rows[1].key: Difficulty(pass_rate=1.0)}
    assert levels(rows, known) == ["hard", "easy"]
    pairs = [
        Placed(Comparison((Message("user", str(i)),), (Message("assistant", "x"),), (Message("assistant", "y"),)), "p")
        for i in range(3)
    ]
    assert levels(pairs, {pair.key: Difficulty(margin=float(i)) for i, pair in enumerate(pairs)}) == [
        "hard",
        "medium",
        "easy",
    ]


def test_the_harder_of_two_signals_decides() -> None:
    config = DifficultyConfig(measure="both", fixed={"loss": (1, 2), "pass_rate": (0.3, 0.7)})
    rows = [row("a"), row("b")]
    known = {rows[0].key: Difficulty(loss=0.1, pass_rate=0.0), rows[1].key: Difficulty(loss=1.5, pass_rate=1.0)}
    assert levels(rows, known, config) == ["hard", "medium"]


def test_quantiles_within_a_domain_compare_its_rows_alone() -> None:
    rows = [row(f"{domain}{i}", domain=domain) for domain in "ab" for i in range(3)]
    known = {placed.key: Difficulty(loss=float(i)) for i, placed in enumerate(rows)}
    config = DifficultyConfig(measure="loss", within=("domain",))
    assert levels(rows, known, config) == ["easy", "medium", "hard"] * 2
    assert levels(rows, known) == ["easy"] * 2 + ["medium"] * 2 + ["hard"] * 2


def test_a_label_that_is_replaced_is_a_repair_and_kept_in_the_provenance() -> None:
    rows = [row("a", difficulty="easy")]
    config = DifficultyConfig(measure="loss", fixed={"loss": (1, 2)})
    staged = difficulty_stage(rows, config, lambda _: {rows[0].key: Difficulty(loss=9.0)})
    assert [(repair.kind, repair.detail, repair.line) for repair in staged.repairs] == [
        ("difficulty", "labelled easy, measured hard", 3)
    ]
    assert staged.rows[0].row.provenance["difficulty"]["label_before"] == "easy"


def test_failed_samples_become_companions_only_where_asked_for_and_each_once() -> None:
    rows = [row("a")]
    wrong, other = (Message("assistant", "w"),), (Message("assistant", "", (ToolCall("sum", {"a": 1}),)),)
    known = {rows[0].key: Difficulty(pass_rate=0.0, failed=(wrong, wrong, other), model="m")}

    def rejected(most: int) -> object:
        config = DifficultyConfig(measure="pass_rate", companions=most)
        done = difficulty_stage(rows, config, lambda _: known).rows[0].row
        assert isinstance(done, Example)
        return done.rejected

    assert (rejected(0), rejected(1), rejected(5)) == ((), (wrong,), (wrong, other))


def test_off_measures_nothing_and_changes_nothing() -> None:
    rows = [row("a")]
    assert difficulty_stage(rows, DifficultyConfig(), lambda _: 1 / 0).rows is rows  # type: ignore[arg-type, return-value]


def test_settings_that_mean_nothing_are_refused() -> None:
    for bad in ({"cuts": (0.7, 0.3)}, {"measure": "loss", "companions": 1}, {"fixed": {"loss": (2, 1)}}):
        with pytest.raises(ValidationError):
            DifficultyConfig.model_validate(bad)
