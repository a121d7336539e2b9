"""Preferences in, a reward model out: it learns, resumes, is measured on unseen prompts, and scores as transformers."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.train.conftest import random_groups
from tests.train.test_loop import KillAt, Killed
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trimtab.model import Dialect, load_reward, weights_digest
from trimtab.records import Comparison, Message, Ranked, UserError
from trimtab.train import LoraConfig, RewardConfig, RewardModel, SftConfig, train_reward
from trimtab.train.forest import attention
from trimtab.train.forest.plant import plant
from trimtab.train.forest.precision import precision
from trimtab.train.forest.score import choose_reward_scorer, plain_reward_scorer, reward_scorer
from trimtab.train.objectives.reward import bradley_terry
from trimtab.train.reward.model import Ends
from trimtab.train.reward.run import held_out, held_out_metrics, prompt_key
from trimtab.train.rows import comparison_group

SYSTEM = Message("system", "You are the assistant of a small shop. Answer briefly, and never promise what is not so.")
WORDS = ("tea", "cups", "rice", "salt", "soap", "yarn", "milk", "oats", "corn", "figs", "nuts", "eggs")
PAIRS = [
    Comparison(
        (SYSTEM, Message("user", f"Is there {word}?")),
        (Message("assistant", f"Yes, {word}."),),
        (Message("assistant", f"No {word} ever!"),),
    )
    for word in WORDS
]
RANKED = [
    Ranked(pair.prompt, (pair.rejected, (Message("assistant", "Perhaps."),), pair.chosen), (1.0, 2.0, 3.0))
    for pair in PAIRS
]
CONFIG = RewardConfig(
    epochs=3, rows_per_step=4, learning_rate=1e-3, precision="float32", checkpoint_every=2, held_out=0.3
)
FLOAT32, FLOAT64 = precision("float32"), precision("float64")


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model of the pairs."""
    torch.set_num_threads(1)
    where = tmp_path_factory.mktemp("reward")
    train_reward(folder, PAIRS, CONFIG, work=where / "work", out=where / "out")
    return where / "out"


def spread(model: Any) -> Any:
    """A head with an opinion."""
    torch.manual_seed(0)
    torch.nn.init.normal_(model.score.weight)
    return model


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def test_shared_values_and_gradients_equal_transformers_row_by_row(folder: Path) -> None:
    model = spread(load_reward(folder))
    groups = random_groups(0, pair=True)
    found: list[tuple[torch.Tensor, dict[str, torch.Tensor]]] = []
    shared, alone = plant(groups, 4.0, ends=True), plant(groups, 4.0, share=False, ends=True)
    for score, batch in ((plain_reward_scorer, alone), (reward_scorer, shared)):
        scores = score(model, FLOAT32)(batch)
        bradley_terry()(scores, batch)[0].backward()  # type: ignore[no-untyped-call]
        assert scores.value is not None
        found.append((scores.value.detach(), gradients(model)))
    (expected, wanted), (got, grads) = found
    assert shared.processed_tokens < alone.processed_tokens / 2
    assert torch.allclose(got, expected, atol=1e-4)
    assert grads.keys() == wanted.keys()
    for name, grad in grads.items():
        assert torch.dist(grad, wanted[name], p=float("inf")) <= 1e-4 * max(1.0, float(wanted[name].abs().max())), name


def test_the_value_is_read_at_the_very_last_token(folder: Path) -> None:
    score = reward_scorer(spread(load_reward(folder)), FLOAT32)
    (group,) = random_groups(0, groups=1, pair=True)
    changed = tuple(replace(s, ids_L=np.append(s.ids_L[:-1], (s.ids_L[-1] + 1) % 280)) for s in group)
    before, after = (score(plant([each], 1.0, ends=True)).value for each in (group, changed))
    assert before is not None
    assert after is not None
    assert not torch.allclose(before, after, atol=1e-3)


def test_the_forest_is_chosen_where_it_agrees_even_under_a_head_of_zeros(folder: Path) -> None:
    model: Any = load_reward(folder)
    assert choose_reward_scorer(model, FLOAT32, random_groups(5, groups=2))[1:] == (True, "")
    assert model.score.out_features == 1


def test_attention_that_forgets_ancestors_is_found_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = attention.forest_attention

    def forgetful(*args: Any, **kwargs: Any) -> Any:
        forest = kwargs["forest"]
        return own(*args, **kwargs | {"forest": replace(forest, parent=tuple(-1 for _ in forest.parent))})

    from transformers import AttentionInterface

    AttentionInterface.register(attention.NAME, forgetful)
    monkeypatch.setattr("trimtab.train.forest.score.fuse", lambda model: 0)
    try:
        model: Any = load_reward(folder)
        chosen = choose_reward_scorer(model, FLOAT32, random_groups(5, groups=2))
    finally:
        AttentionInterface.register(attention.NAME, own)
    assert not chosen.share
    assert "last states differ" in chosen.reason
    assert model.score.out_features == 1
    assert model.config._attn_implementation == "sdpa"


def test_it_learns_from_ln_2_and_is_measured_on_prompts_that_it_never_saw(folder: Path, tmp_path: Path) -> None:
    report = train_reward(folder, PAIRS, CONFIG, work=tmp_path / "work", out=tmp_path / "out")
    assert report.losses[0] == pytest.approx(math.log(2), abs=1e-6)
    assert report.losses[-1] < 0.6
    assert report.tokens_processed < report.tokens_real / 2
    metrics = report.metrics
    assert metrics["rows"] + metrics["rows_held_out"] == len(PAIRS)
    assert metrics["reward_pairs"] == metrics["rows_held_out"] > 0
    assert metrics["reward_accuracy"] == 1.0
    assert metrics["reward_accuracy_low"] < 1.0 == metrics["reward_accuracy_high"]
    for name in ("reward_ece", "reward_brier"):
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("adapter", [None, LoraConfig(rank=4, alpha=8)])
def test_a_killed_run_writes_the_same_bits(folder: Path, tmp_path: Path, adapter: LoraConfig | None) -> None:
    config = CONFIG.model_copy(update={"lora": adapter})

    def go(place: str, progress: Any = None) -> Any:
        where: Any = {"work": tmp_path / place / "work", "out": tmp_path / place / "out", "progress": progress}
        return train_reward(folder, PAIRS, config, **where)

    whole = go("whole")
    with pytest.raises(Killed):
        go("cut", KillAt(len(PAIRS) + 3))
    assert (tmp_path / "cut" / "work" / "checkpoint" / "step-00000002").is_dir()
    cut = go("cut")
    assert cut.losses == whole.losses
    assert weights_digest(tmp_path / "cut" / "out") == weights_digest(tmp_path / "whole" / "out")


def test_rankings_teach_their_whole_order(folder: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 6})
    report = train_reward(folder, [*RANKED, *PAIRS], config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.metrics["reward_pairs"] == report.metrics["rows_held_out"] / 2 * 4
    rewards = RewardModel(tmp_path / "out", setting="float32").score(RANKED[0].prompt, RANKED[0].completions)
    assert rewards == sorted(rewards)


@pytest.mark.parametrize("seed", [0, 1])
def test_coin_flip_labels_teach_nothing(folder: Path, tmp_path: Path, seed: int) -> None:
    both = [each for pair in PAIRS for each in (pair, replace(pair, chosen=pair.rejected, rejected=pair.chosen))]
    config = CONFIG.model_copy(update={"held_out": 0.0, "rows_per_step": len(both), "seed": seed})
    report = train_reward(folder, both, config, work=tmp_path / "work", out=tmp_path / "out")
    assert report.losses == pytest.approx([math.log(2)] * 3, abs=1e-4)
    assert "not known" in report.notes[0]


def test_the_same_prompt_is_never_on_both_sides() -> None:
    keys = {prompt_key(pair) for pair in PAIRS}
    assert len(keys) == len(PAIRS)
    assert {prompt_key(row) for row in RANKED} == keys
    assert not any(held_out(key, 0.0) for key in keys)
    assert {key for key in keys if held_out(key, 0.2)} <= {key for key in keys if held_out(key, 0.5)}
    many = [prompt_key(replace(PAIRS[0], prompt=(Message("user", str(i)),))) for i in range(2000)]
    assert sum(held_out(key, 0.3) for key in many) == pytest.approx(600, abs=80)


def test_a_calibrated_model_is_seen_to_be_calibrated_and_a_boastful_one_not() -> None:
    random = np.random.default_rng(0)
    gap = np.abs(random.normal(0, 1.5, 2000))
    right = random.random(2000) < 1 / (1 + np.exp(-gap))
    signed = np.where(right, gap, -gap)
    prompts = [str(i) for i in range(2000)]
    honest, boastful = held_out_metrics(signed, prompts), held_out_metrics(5 * signed, prompts)
    assert honest["reward_ece"] < 1.5 * honest["reward_ece_expected"]
    assert boastful["reward_ece_low"] > 2 * boastful["reward_ece_expected"]
    assert honest["reward_brier_high"] < boastful["reward_brier_low"]
    assert honest["reward_accuracy"] == boastful["reward_accuracy"] == right.mean()


def test_pairs_of_one_prompt_count_as_one_cluster() -> None:
    gap = np.tile([1.0, 1.0, -1.0], 30)
    alone = held_out_metrics(gap, [str(i) for i in range(90)])
    clustered = held_out_metrics(gap, [str(i % 3) for i in range(90)])
    assert clustered["reward_accuracy_high"] - clustered["reward_accuracy_low"] > (
        alone["reward_accuracy_high"] - alone["reward_accuracy_low"]
    )


def test_what_is_saved_scores_the_same_in_plain_transformers(trained: Path) -> None:
    own = RewardModel(trained, setting="float32")
    plain: Any = AutoModelForSequenceClassification.from_pretrained(trained)
    tokenizer = AutoTokenizer.from_pretrained(trained)
    assert own.share, own.reason
    for pair in PAIRS[:3]:
        sides = (pair.chosen, pair.rejected)
        chats = [[m.to_json() for m in (*pair.prompt, *turns)] for turns in sides]
        texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            expected = plain(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.squeeze(1)
        got = own.score(pair.prompt, sides)
        assert got == pytest.approx(expected.tolist(), abs=1e-4)
        assert got[0] > got[1]


def test_a_rollout_and_the_message_that_it_spells_have_the_same_reward(trained: Path) -> None:
    own, dialect = RewardModel(trained, setting="float32"), Dialect.of(trained)
    prompt = PAIRS[0].prompt
    message = own.score(prompt, [PAIRS[0].chosen])
    (row, *_) = comparison_group(PAIRS[0], dialect)
    start = dialect.encode(prompt, reply=True)
    text = dialect.encode((*prompt, *PAIRS[0].chosen))[len(start) :]
    stop = text.index(dialect.stop_ids[0])
    rollouts = [[*start, *text[: stop + 1]], [*start, *text[:stop]], [*start, *text]]
    as_rows = [replace(row, ids_L=np.array(ids), weight_L=np.ones(len(ids), np.float32)) for ids in rollouts]
    assert own.score_ids([tuple(as_rows)]) == pytest.approx(message * 3, abs=1e-5)


def test_the_judge_is_fair_to_order_and_prefers_the_chosen(trained: Path) -> None:
    own = RewardModel(trained, setting="float32")
    pair = PAIRS[0]
    ahead = own.prefer(pair.prompt, pair.chosen, pair.rejected)
    assert ahead > 0.55
    assert own.prefer(pair.prompt, pair.rejected, pair.chosen) == pytest.approx(1 - ahead, abs=1e-6)
    assert own.digest == weights_digest(trained)


def test_padding_at_the_end_is_not_where_a_reward_is_read(folder: Path) -> None:
    """Transformers' classifiers read the last token that does not pad; ours must be the same one."""
    dialect = Dialect.of(folder)
    (row, *_) = comparison_group(PAIRS[0], dialect)
    newline, stop = int(row.ids_L[-1]), dialect.stop_ids[0]
    assert int(row.ids_L[-2]) == stop
    assert Ends(dialect, 0).cut(row).ids_L[-1] == newline
    assert Ends(dialect, newline).cut(row).ids_L[-1] == stop
    with pytest.raises(UserError, match="nothing but padding"):
        Ends(dialect, 7).cut(replace(row, ids_L=np.array([5, 7, 7]), weight_L=np.ones(3, np.float32)))


def test_a_language_model_is_no_reward_model(folder: Path) -> None:
    with pytest.raises(UserError, match="not a reward model"):
        RewardModel(folder)


def test_every_row_held_out_is_refused(folder: Path, tmp_path: Path) -> None:
    rows = [pair for pair in PAIRS if held_out(prompt_key(pair), 0.5)]
    config = CONFIG.model_copy(update={"held_out": 0.5})
    with pytest.raises(UserError, match="every row is held out"):
        train_reward(folder, rows, config, work=tmp_path / "work", out=tmp_path / "out")


@pytest.mark.parametrize("bad", ["stop", "drop"])
def test_a_ranking_without_a_preference_is_named(folder: Path, tmp_path: Path, bad: str) -> None:
    rows: list[Comparison | Ranked] = [*PAIRS, replace(RANKED[0], scores=(1.0, 1.0, 1.0))]
    config = CONFIG.model_copy(update={"bad_rows": bad, "epochs": 1})

    def run() -> Any:
        return train_reward(folder, rows, config, work=tmp_path / "work", out=tmp_path / "out")

    if bad == "stop":
        with pytest.raises(UserError, match=r"row 13 .*scores are equal"):
            run()
    else:
        report = run()
        assert report.metrics["rows_dropped"] == 1
        assert "row 13" in report.notes[-1]


def test_the_configuration_must_be_the_methods(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="configuration is for sft"):
        train_reward(folder, PAIRS, cast(Any, SftConfig()), work=tmp_path / "work", out=tmp_path / "out")
