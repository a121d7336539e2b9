"""Difficulty on a tiny π0: losses are the model's own, kept by row; failed samples reach the preference step alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from trimtab.curate import DifficultyConfig, Placed
from trimtab.loop import difficulty, scoring
from trimtab.loop.difficulty import measured
from trimtab.loop.passing import passes
from trimtab.loop.rows import Dress, companions
from trimtab.loop.steps.data import curated_now
from trimtab.loop.workspace import find_workspace
from trimtab.model import Dialect
from trimtab.records import Comparison, Example, Message, Silent, ToolCall, write_jsonl
from trimtab.store import Store
from trimtab.train.forest.plant import pack
from trimtab.train.rows import example_group

BARE = Dress("", ())


def chat(question: str, answer: str, **labels: Any) -> Example:
    return Example((Message("user", question), Message("assistant", answer)), labels=labels)


ROWS = [Placed(chat(f"How many are {i} and {i}?", f"That is {2 * i}."), "set") for i in range(1, 5)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def slow_loss(folder: Path, example: Example) -> float:
    """The plain twin: transformers' own forward on one row."""
    encoded = Dialect.of(folder).encode_turns(example.messages)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([encoded.ids])).logits[0].log_softmax(-1)
    scored = [i for i in range(1, len(encoded.ids)) if encoded.trained[i]]
    return -sum(float(logits[i - 1, encoded.ids[i]]) for i in scored) / len(scored)


def test_the_loss_is_the_models_own_mean_over_the_answers_tokens(tiny_model: Path) -> None:
    examples = [placed.row for placed in ROWS if isinstance(placed.row, Example)]
    found = {id: value for batch in scoring.losses(tiny_model, examples) for id, value in batch.items()}
    for example in examples:
        assert found[example.id] == pytest.approx(slow_loss(tiny_model, example), abs=1e-4)


def test_a_margin_is_the_difference_of_the_two_mean_log_probs(tiny_model: Path) -> None:
    good, bad = chat("Is it warm?", "It is."), chat("Is it warm?", "Blue kettles sing.")
    pair = Comparison(good.messages[:1], good.messages[1:], bad.messages[1:])
    (found,) = scoring.margins(tiny_model, [pair])
    assert found[pair.id] == pytest.approx(slow_loss(tiny_model, bad) - slow_loss(tiny_model, good), abs=1e-4)


def test_a_second_run_computes_nothing_and_a_killed_one_goes_on(
    tiny_model: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, plain, asked = DifficultyConfig(measure="loss"), scoring.losses, []

    def dies_after_one(folder: Path, rows: Sequence[Example]) -> Any:
        asked.append(len(rows))
        yield next(iter(plain(folder, rows[:1])))
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "losses", dies_after_one)
    with pytest.raises(KeyboardInterrupt):
        measured(ROWS, config, tiny_model, BARE, store, Silent())

    def goes_on(folder: Path, rows: Sequence[Example]) -> Any:
        asked.append(len(rows))
        return plain(folder, rows)

    monkeypatch.setattr(scoring, "losses", goes_on)
    first = measured(ROWS, config, tiny_model, BARE, store, Silent())
    assert asked == [4, 3]
    assert measured(ROWS, config, tiny_model, BARE, store, Silent()) == first
    assert asked == [4, 3]
    assert set(first) == {placed.key for placed in ROWS}


def test_the_limit_measures_the_same_rows_in_any_order(tiny_model: Path, store: Store) -> None:
    config = DifficultyConfig(measure="loss", rows=2)
    found = measured(ROWS, config, tiny_model, BARE, store, Silent())
    assert len(found) == 2
    assert set(measured(ROWS[::-1], config, tiny_model, BARE, store, Silent())) == set(found)


def test_pass_rate_counts_right_answers_and_keeps_the_wrong_ones(
    tiny_model: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {"It is 2.": "stop", "No: 7.": "stop", "No, since the": "length", "": "stop"}
    said = [difficulty._Sample(Message("assistant", text), end) for text, end in ends.items()]
    monkeypatch.setattr(difficulty, "_samples", lambda engine, dialect, rows, config: [said for _ in rows])
    config = DifficultyConfig(measure="pass_rate", samples=4)
    (found,) = measured(ROWS[:1], config, tiny_model, BARE, store, Silent()).values()
    assert (found.pass_rate, found.samples, found.failed) == (0.25, 4, ((said[1].answer,),))


def test_a_row_that_the_engine_could_not_answer_is_not_measured_and_is_asked_again(
    tiny_model: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = ["error", "stop"]
    answer = Message("assistant", "It is 2.")
    monkeypatch.setattr(difficulty, "_samples", lambda *_: [[difficulty._Sample(answer, ends.pop(0))]])
    config = DifficultyConfig(measure="pass_rate")
    assert measured(ROWS[:1], config, tiny_model, BARE, store, Silent()) == {}
    (found,) = measured(ROWS[:1], config, tiny_model, BARE, store, Silent()).values()
    assert found.pass_rate == 1.0


def test_failed_samples_of_a_real_run_are_companions_whose_tokens_sft_never_sees(tiny_workspace: Path) -> None:
    rows = [chat(f"Which number follows {i}00 here?", f"{i}01").to_json() for i in range(1, 5)]
    write_jsonl(tiny_workspace / "data/sft.jsonl", rows)
    settings = (
        "data.difficulty={measure: both, companions: 1, samples: 2, max_tokens: 8}",
        "data.sources=[{path: data/sft.jsonl}]",
    )
    workspace = find_workspace(tiny_workspace, settings)
    done = curated_now(workspace, Silent())
    assert done.report.findings["difficulty"]["levels"] == {"hard": 4}  # random weights answer nothing rightly
    taught = [row for row in done.examples if row.rejected]
    assert taught
    dialect = Dialect.of(Path(workspace.config.model))
    for row in taught:
        assert row.provenance["companions"]["count"] == len(row.rejected) == len(companions(row)) == 1
        (packed,), (plain,) = (
            pack([example_group(one, dialect)], 4096, 1.0) for one in (row, Example(row.messages, row.tools))
        )
        assert packed.input_ids.tolist() == plain.input_ids.tolist()
        assert packed.target_ids.tolist() == plain.target_ids.tolist()


TOOLS = (ToolCall("sum", {"a": 1}),)
CALL = Example((Message("user", "?"), Message("assistant", "", TOOLS)))


@pytest.mark.parametrize(
    ("example", "answer", "right"),
    [
        (CALL, Message("assistant", "", (ToolCall("sum", {"a": 1.0}),)), True),
        (CALL, Message("assistant", "", (ToolCall("sum", {"a": 2}),)), False),
        (CALL, Message("assistant", "It is 1."), False),
        (chat("?", "So 3 + 4 = 7."), Message("assistant", "I get 7"), True),
        (chat("?", "So 3 + 4 = 7."), Message("assistant", "7 + 1 is 8"), False),
        (chat("?", "Yes."), Message("assistant", "yes, it is"), True),
        (chat("?", "Yes."), Message("assistant", "No"), False),
        (chat("?", "Which size?", action="clarify"), Message("assistant", "Which colour do you want?"), True),
        (chat("?", "Which size?", action="clarify"), Message("assistant", "Red."), False),
        (chat("?", "It costs 5 [kb-1]."), Message("assistant", "5 [kb-1]"), True),
        (chat("?", "It costs 5 [kb-1]."), Message("assistant", "5 [kb-2]"), False),
        (chat("?", "Poems rise where rivers bend and nobody ever counts."), Message("assistant", "Poems."), None),
    ],
)
def test_an_answer_is_held_to_the_rows_own_evidence(example: Example, answer: Message, right: bool | None) -> None:
    assert passes(example, answer) is right
