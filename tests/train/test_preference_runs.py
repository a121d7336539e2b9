"""Whole runs of preferences and thumbs: golden losses, coin-flip labels, rankings, and a kill that leaves no trace."""

import gc
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.test_loop import KillAt, Killed

from trimtab.model import Dialect, load, weights_digest
from trimtab.records import Comparison, Message, Ranked, Unpaired, UserError
from trimtab.train import KtoConfig, PreferenceConfig, TrainReport, train_dpo, train_kto

SYSTEM = Message("system", "You are the assistant of a small shop.")
WORDS = ("tea", "cups", "rice", "salt", "soap", "yarn", "milk", "oats")


@pytest.fixture(autouse=True)
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run gives memory back now and then, which in a test process as large as this takes most of its time."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)


def prompt(word: str) -> tuple[Message, ...]:
    return (SYSTEM, Message("user", f"Is there {word}?"))


def good(word: str) -> tuple[Message, ...]:
    return (Message("assistant", f"Yes, {word}."),)


def bad(word: str) -> tuple[Message, ...]:
    return (Message("assistant", f"No {word} ever, not here!"),)


PAIRS = [Comparison(prompt(w), good(w), bad(w), margin=0.5, annotators=("ann",)) for w in WORDS]
THUMBS = [Unpaired(prompt(w), side(w), side is good) for w in WORDS for side in (good, bad)]
RANKINGS = [
    Ranked(prompt(w), (bad(w), good(w), (Message("assistant", f"Yes, of course: {w}."),)), (0.0, 1.0, 2.0))
    for w in WORDS
]
EXACT: dict[str, Any] = {"rows_per_step": 4, "learning_rate": 1e-3, "precision": "float64", "checkpoint_every": 2}

GOLDEN_DPO = (0.9240769841801066, 0.4520934102605456, 0.3696495093354434, 0.37883449195619867)
GOLDEN_KTO = (
    0.625,
    0.3915550065975352,
    0.3019943758368487,
    0.2262019755837186,
    0.11622521328680242,
    0.09689897898601767,
    0.06673471991549064,
    0.09798226322517899,
)
"""Losses of the runs below in float64 on one thread."""


def dpo_run(folder: Path, place: Path, **fields: Any) -> TrainReport:
    config = PreferenceConfig(**{**EXACT, **fields})
    return train_dpo(folder, PAIRS, config, work=place / "work", out=place / "out")


def kto_run(folder: Path, place: Path, progress: Any = None, **fields: Any) -> TrainReport:
    config = KtoConfig(**{**EXACT, **fields})
    return train_kto(folder, THUMBS, config, work=place / "work", out=place / "out", progress=progress)


def test_the_golden_run_of_pairs(folder: Path, tmp_path: Path) -> None:
    report = dpo_run(folder, tmp_path, epochs=2, margins=True, label_smoothing=0.1, annotator_weights={"ann": 2.0})
    assert report.losses == pytest.approx(GOLDEN_DPO, abs=1e-9)


def test_the_golden_run_of_thumbs(folder: Path, tmp_path: Path) -> None:
    report = kto_run(folder, tmp_path, undesirable_weight=1.5, epochs=2)
    assert report.losses == pytest.approx(GOLDEN_KTO, abs=1e-9)
    assert report.metrics["accuracy"] > 0.6
    assert report.metrics["desirable_reward"] > report.metrics["undesirable_reward"]
    assert report.metrics["kl"] >= 0


def test_thumbs_cut_into_micro_batches_are_the_same_run(folder: Path, tmp_path: Path) -> None:
    whole = kto_run(folder, tmp_path / "whole")
    small = kto_run(folder, tmp_path / "small", token_budget=80)
    assert small.tokens_processed > whole.tokens_processed
    assert small.losses == pytest.approx(whole.losses, abs=1e-7)
    assert small.metrics["kl"] == pytest.approx(whole.metrics["kl"], abs=1e-5)


def test_a_killed_run_of_thumbs_writes_the_same_bits(folder: Path, tmp_path: Path) -> None:
    kto_run(folder, tmp_path / "whole", precision="float32")
    with pytest.raises(Killed):
        kto_run(folder, tmp_path / "cut", KillAt(16 + 4 + 3), precision="float32")
    assert (tmp_path / "cut" / "work" / "checkpoint" / "step-00000002").is_dir()
    kto_run(folder, tmp_path / "cut", precision="float32")
    assert weights_digest(tmp_path / "cut" / "out") == weights_digest(tmp_path / "whole" / "out")


@pytest.mark.parametrize("kwise", ["pairs", "plackett_luce"])
def test_rankings_are_learned(folder: Path, tmp_path: Path, kwise: str) -> None:
    config = PreferenceConfig(**{**EXACT, "epochs": 6, "kwise": kwise, "precision": "float32"})
    report = train_dpo(folder, RANKINGS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.metrics["accuracy"] > 0.9
    assert report.losses[-1] < report.losses[0] - 0.05
    assert report.metrics["sharing"] > 2


def drift(folder: Path, out: Path) -> float:
    """KL(π ‖ π0) in nats a token, exact over the vocabulary, along all answers."""
    dialect, before, after = Dialect.of(folder), load(folder), load(out)
    total = tokens = 0.0
    for word in WORDS:
        for side in (good(word), bad(word)):
            ids = torch.tensor([dialect.encode((*prompt(word), *side))])
            with torch.no_grad():
                p, q = (model(ids).logits[0].log_softmax(-1) for model in (after, before))
            total += float((p.exp() * (p - q)).sum())
            tokens += ids.shape[1]
    return total / tokens


FLIPPED = list(chain.from_iterable((p, Comparison(p.prompt, p.rejected, p.chosen)) for p in PAIRS))
FLIPPED_THUMBS = list(chain.from_iterable((t, Unpaired(t.prompt, t.completion, not t.label)) for t in THUMBS))
COIN: dict[str, Any] = {"epochs": 12, "rows_per_step": 8, "learning_rate": 1e-4, "precision": "float32"}
STAYS = 0.002
"""Nats a token that a run on labels without any signal may wander; seen: 0.0002."""


@pytest.mark.parametrize("loss", ["sigmoid", "ipo"])
def test_coin_flip_labels_leave_the_model_at_its_reference(folder: Path, tmp_path: Path, loss: str) -> None:
    config = PreferenceConfig(**COIN, loss=loss)
    train_dpo(folder, FLIPPED, config, work=tmp_path / "work", out=tmp_path / "out")
    assert 0 < drift(folder, tmp_path / "out") < STAYS


def test_coin_flip_thumbs_leave_the_model_at_its_reference(folder: Path, tmp_path: Path) -> None:
    config = KtoConfig(**{**COIN, "epochs": 6})
    train_kto(folder, FLIPPED_THUMBS, config, work=tmp_path / "work", out=tmp_path / "out")
    assert 0 < drift(folder, tmp_path / "out") < STAYS


def test_coin_flip_labels_move_the_model_under_the_unscaled_reference(folder: Path, tmp_path: Path) -> None:
    """The check can fail: this variant is what it is there to find."""
    config = PreferenceConfig(**COIN, loss="sigmoid_unscaled_reference")
    train_dpo(folder, FLIPPED, config, work=tmp_path / "work", out=tmp_path / "out")
    assert drift(folder, tmp_path / "out") > 10 * STAYS


def test_labels_that_mean_something_move_it_too(folder: Path, tmp_path: Path) -> None:
    train_dpo(folder, PAIRS * 2, PreferenceConfig(**COIN), work=tmp_path / "work", out=tmp_path / "out")
    assert drift(folder, tmp_path / "out") > STAYS


def test_a_changed_weight_is_another_run(folder: Path, tmp_path: Path) -> None:
    """Weights are labels, which a row's id leaves out: the run must see them all the same."""
    config = PreferenceConfig(**{**EXACT, "rows_per_step": 2})
    heavy = [Comparison(p.prompt, p.chosen, p.rejected, labels={"weight": 1 + i}) for i, p in enumerate(PAIRS)]
    light = [Comparison(p.prompt, p.chosen, p.rejected) for p in PAIRS]
    assert [row.id for row in heavy] == [row.id for row in light]
    first = train_dpo(folder, light, config, work=tmp_path / "work", out=tmp_path / "out")
    assert train_dpo(folder, heavy, config, work=tmp_path / "work", out=tmp_path / "out").losses != first.losses


def test_thumbs_up_alone_are_refused_before_the_model_is_opened(folder: Path, tmp_path: Path) -> None:
    only = [thumb for thumb in THUMBS if thumb.label]
    with pytest.raises(UserError, match="all 8 thumbs point up"):
        train_kto(folder, only, KtoConfig(), work=tmp_path / "work", out=tmp_path / "out")


def test_bad_thumbs_are_counted_in_the_report(folder: Path, tmp_path: Path) -> None:
    rows = [*THUMBS, Unpaired(prompt("tea"), (Message("assistant", " "),), True)]
    with pytest.raises(UserError, match=r"row 17 .*empty completion"):
        train_kto(folder, rows, KtoConfig(**EXACT), work=tmp_path / "work", out=tmp_path / "out")
    config = KtoConfig(**EXACT, bad_rows="drop")
    report = train_kto(folder, rows, config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.metrics["rows_dropped"] == 1
    assert any(rows[-1].id[:12] in note for note in report.notes)
