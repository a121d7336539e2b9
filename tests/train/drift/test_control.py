"""The control of drift in whole runs: refreshes, a reference that moves, monitors; killed anywhere, the same bits."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.train.test_loop import KillAt, Killed
from tests.train.test_run import DPO, EXAMPLES, PAIRS, SFT, WORDS

from trimtab.model import weights_digest
from trimtab.records import Case, Example, Expected, Message, Unpaired, UserError
from trimtab.train import DriftControl, KtoConfig, MonitorConfig, ProbeSet, Threshold, TrainReport, train_dpo, train_sft
from trimtab.train import run as module
from trimtab.train.run import train_kto

PROBES = ProbeSet([Case((Message("user", f"Where is the {word}?"),), Expected("answer")) for word in WORDS[:3]])
LONG = Example((Message("user", "Is there soup?"), Message("assistant", "Yes. " * 400)))
DRIFT = DPO.model_copy(
    update={
        "reference": "every",
        "reference_every": 2,
        "refresh_every": 2,
        "refresh_steps": 1,
        "refresh_rate": 1e-3,
        "rows_per_step": 4,
        "epochs": 3,
        "warmup": 0.0,
        "schedule": "constant",
        "checkpoint_every": 2,
    }
)
WATCHED = DRIFT.model_copy(
    update={"reference": "reanchor", "anchor_kl": 1e-9, "monitors": MonitorConfig(every=3, max_new_tokens=4)}
)
BRIEF = WATCHED.model_copy(update={"epochs": 1})


def lines(work: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (work / "metrics.jsonl").read_text().splitlines()]


def go(folder: Path, place: Path, config: Any = DRIFT, progress: Any = None, **control: Any) -> TrainReport:
    held = DriftControl(refresh=EXAMPLES, **control)
    return train_dpo(folder, PAIRS, config, work=place / "work", out=place / "out", progress=progress, control=held)


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainReport]:
    """A run that nothing interrupted: where it is, and its report."""
    place = tmp_path_factory.mktemp("whole")
    return place, go(folder, place)


def test_refreshes_come_between_the_methods_steps_and_the_loss_is_ln_2_after_each_move(
    whole: tuple[Path, TrainReport],
) -> None:
    place, report = whole
    log = lines(place / "work")
    assert [line.get("refresh", 0.0) for line in log] == [0, 0, 1] * 3
    own = [line["loss"] for line in log if not line.get("refresh")]
    assert own[0::2] == pytest.approx([math.log(2)] * 3, abs=1e-7)
    assert min(own[1::2]) < math.log(2) - 0.01
    assert {line["learning_rate"] for line in log if line.get("refresh")} == {1e-3}
    assert report.steps == 9
    assert report.losses == tuple(own)
    assert report.metrics["refresh_loss"] > 2 > report.metrics["loss"]
    assert report.metrics["rows_dropped"] == 0
    assert not (place / "work" / "drift").exists(), "what the run kept for itself goes with it"


@pytest.mark.parametrize("killed_at", [1, 4, 8])
def test_a_run_under_control_that_is_killed_writes_the_same_bits(
    folder: Path, tmp_path: Path, whole: tuple[Path, TrainReport], killed_at: int
) -> None:
    with pytest.raises(Killed):
        go(folder, tmp_path, progress=KillAt(8 + killed_at))
    go(folder, tmp_path)
    assert weights_digest(tmp_path / "out") == weights_digest(whole[0] / "out")


def test_reanchoring_follows_the_monitors_and_is_the_same_after_a_kill(folder: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"anchor_folder": folder, "probes": PROBES}
    report = go(folder, tmp_path / "whole", WATCHED, **given)
    log = lines(tmp_path / "whole" / "work")
    assert [line["anchored"] for line in log if not line.get("refresh")] == [0, 0, 1, 1, 1, 1]
    assert [line["step"] for line in log if "monitor/kl" in line] == [2, 5, 8]
    assert log[0]["start/kl"] == pytest.approx(0.0, abs=1e-6)
    assert report.metrics["monitor/kl"] == log[-1]["monitor/kl"] > 1e-9
    with pytest.raises(Killed):
        go(folder, tmp_path / "cut", WATCHED, KillAt(8 + 5), **given)
    go(folder, tmp_path / "cut", WATCHED, **given)
    assert weights_digest(tmp_path / "cut" / "out") == weights_digest(tmp_path / "whole" / "out")


def test_a_fixed_reference_is_pi0_and_not_the_model_as_it_came(folder: Path, tmp_path: Path) -> None:
    taught = tmp_path / "taught"
    train_sft(folder, EXAMPLES, SFT, work=tmp_path / "sft", out=taught)
    fixed = DPO.model_copy(update={"reference": "fixed", "epochs": 1})
    held = DriftControl(anchor_folder=folder)
    report = train_dpo(taught, PAIRS, fixed, work=tmp_path / "a", out=tmp_path / "a-out", control=held)
    plain = DPO.model_copy(update={"epochs": 1})
    given = train_dpo(taught, PAIRS, plain, work=tmp_path / "b", out=tmp_path / "b-out", reference_folder=folder)
    assert report.losses == given.losses
    assert abs(report.losses[0] - math.log(2)) > 1e-3


def test_a_run_that_a_monitor_ends_says_so_in_its_report(folder: Path, tmp_path: Path) -> None:
    watched = SFT.model_copy(update={"monitors": MonitorConfig(every=2, thresholds={"kl": Threshold(max=1e-9)})})
    held = DriftControl(probes=PROBES)
    report = train_sft(folder, EXAMPLES, watched, work=tmp_path / "work", out=tmp_path / "out", control=held)
    assert (report.metrics["stopped_at"], report.metrics["stepped_back_to"]) == (2, 0)
    assert report.notes[0].startswith(
        "a monitor ended the run after step 2, stepped back to the model after step 0: kl"
    )
    assert weights_digest(tmp_path / "out") == weights_digest(folder)


def test_thumbs_move_their_reference_too(folder: Path, tmp_path: Path) -> None:
    rows = [
        Unpaired(pair.prompt, side, label)
        for pair in PAIRS[:4]
        for side, label in ((pair.chosen, True), (pair.rejected, False))
    ]
    config = KtoConfig(
        **{**DRIFT.model_dump(exclude=set(DRIFT.model_dump()) - set(KtoConfig.model_fields)), "method": "kto"}
    )
    held = DriftControl(refresh=EXAMPLES)
    train_kto(folder, rows, config, work=tmp_path / "work", out=tmp_path / "out", control=held)
    log = lines(tmp_path / "work")
    assert [line.get("refresh", 0.0) for line in log] == [0, 0, 1] * 3
    own = [line["loss"] for line in log if not line.get("refresh")]
    assert own[2] == pytest.approx(own[0], abs=1e-6), "at a move policy and reference are one again"
    assert abs(own[1] - own[0]) > 1e-5


@pytest.mark.parametrize(
    ("config", "control", "message"),
    [
        (DRIFT, DriftControl(), "a refresh needs rows"),
        (DRIFT.model_copy(update={"reference": "fixed"}), DriftControl(refresh=EXAMPLES), "needs π0"),
        (WATCHED, DriftControl(refresh=EXAMPLES, probes=PROBES), "needs π0"),
        (WATCHED, DriftControl(refresh=EXAMPLES), "monitors need a probe set"),
    ],
)
def test_what_the_configuration_asks_for_must_be_given(
    folder: Path, tmp_path: Path, config: Any, control: DriftControl, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        train_dpo(folder, PAIRS, config, work=tmp_path / "work", out=tmp_path / "out", control=control)
    assert not (tmp_path / "work").exists()


def test_reanchoring_without_a_monitor_is_refused(folder: Path, tmp_path: Path) -> None:
    blind = WATCHED.model_copy(update={"monitors": None})
    with pytest.raises(UserError, match="reanchor needs the KL to π0"):
        go(folder, tmp_path, blind, anchor_folder=folder)


def test_a_refresh_row_that_cannot_be_trained_on_is_named(folder: Path, tmp_path: Path) -> None:
    short, held = DRIFT.model_copy(update={"max_tokens": 300}), DriftControl(refresh=[*EXAMPLES, LONG])
    with pytest.raises(UserError, match="row 9"):
        train_dpo(folder, PAIRS, short, work=tmp_path / "work", out=tmp_path / "out", control=held)
    dropping = short.model_copy(update={"bad_rows": "drop", "epochs": 1})
    report = train_dpo(folder, PAIRS, dropping, work=tmp_path / "work", out=tmp_path / "out", control=held)
    assert report.metrics["rows_dropped"] == 1
    assert any("row 9" in note for note in report.notes)


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short watched run that is done."""
    place = tmp_path_factory.mktemp("finished")
    go(folder, place, BRIEF, anchor_folder=folder, probes=PROBES)
    return place


@pytest.mark.parametrize("change", ["nothing", "refresh", "probes", "key"])
def test_another_control_is_another_run(
    folder: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(module, "_fit", lambda *args: (_ for _ in ()).throw(Killed()))
    changed = {"probes": ProbeSet(PROBES.cases[1:]), "key": ProbeSet(PROBES.cases, key="judge-2")}
    held = DriftControl(folder, EXAMPLES[1:] if change == "refresh" else EXAMPLES, changed.get(change, PROBES))
    where: Any = {"work": finished / "work", "out": finished / "out", "control": held}
    if change == "nothing":
        train_dpo(folder, PAIRS, BRIEF, **where)
    else:
        with pytest.raises(Killed):
            train_dpo(folder, PAIRS, BRIEF, **where)
