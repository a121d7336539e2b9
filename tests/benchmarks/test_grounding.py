"""The grounding benchmark scores claims whose support is known, and parts what people rated apart."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.grounding import Decided, Rated, agreement, by_judge, decided, overlap, page, rated, separation, share
from benchmarks.pii.data import shared_folder

from trimtab.evaluate import Lexical, Pair
from trimtab.evaluate.grounding import Sources
from trimtab.stats import Interval

SHOWN = Sources("The lamp weighs 300 grams. Parcels arrive on Tuesdays.", "How heavy is it?")


def answers(n: int) -> list[Rated]:
    """``n`` tasks, each answered from its passage and out of nowhere."""
    good = [Rated(f"t{i}", "The lamp weighs 300 grams.", SHOWN, 4.0, 0.0) for i in range(n)]
    return good + [Rated(f"t{i}", "Bronze kettles whistle in Norway.", SHOWN, 1.0, 1.0) for i in range(n)]


def test_what_was_made_up_is_parted_from_what_was_shown() -> None:
    assert separation(answers(5), share).value == 1
    assert separation(answers(5), overlap).value == 1
    assert separation(answers(5), lambda one: 0.0).value == 0.5
    assert (agreement(answers(5)).value, agreement(answers(5)).n) == (1, 10)


def test_a_kind_of_claims_is_scored_by_what_is_known_of_it() -> None:
    claims = [
        Decided("told", Pair("The lamp weighs 300 grams.", "The lamp weighs 300 grams."), True, "a"),
        Decided("told", Pair("Parcels arrive on Tuesdays.", "The lamp weighs 300 grams."), True, "b"),
        Decided("made up", Pair("Parcels arrive on Tuesdays.", "The lamp weighs 300 grams."), False, "b"),
    ]
    found = decided(Lexical(), claims)
    assert {kind: one.value for kind, one in found.items()} == {"told": 0.5, "made up": 1.0}


def rated_row(answer: str, rating: str) -> dict[str, Any]:
    notes: dict[str, Any] = {"faithfulness": {"a": {"value": rating}}, "rl_f": {}, "rb_llm": {}, "Bert-KPrec": {}}
    contexts = [{"title": "", "text": "The lamp weighs 300 grams."}]
    return {
        "task_id": "t",
        "model_response": answer,
        "input": [{"text": "How heavy?"}],
        "contexts": contexts,
        "annotations": notes,
    }


def test_another_judge_is_measured_on_the_same_rows(tmp_path: Path) -> None:
    asked = {"question": "how heavy is the lamp", "answers": ["300 grams"], "answerable": True}
    passages = [{"id": "p", "title": "", "text": "The lamp weighs 300 grams: heavy."}]
    told = {"_id": "b", "passage": "Ann ran. Bo sat.", "question": "Who ran?", "answer": ["Ann"]}
    sets: dict[str, list[dict[str, Any]]] = {
        "mtrag_human_eval/original": [
            rated_row("The lamp weighs 300 grams.", "4"),
            rated_row("Bells ring in Norway.", "1"),
        ],
        "nq_open_oracle/grounded_qa_multi": [asked | {"passages": passages, "meta": {"id": "1", "gold": ["p"]}}],
        "bbq_sample/original": [told | {"options": "A. Ann\nB. Bo\nC. Unknown"}],
    }
    for name, rows in sets.items():
        path = tmp_path / f"{name}.jsonl.gz"
        path.parent.mkdir()
        path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    found = by_judge(Lexical(), tmp_path)
    assert {name: (one.value, one.n) for name, one in found.items()} == {
        "AUC": (1, 2), "nq: gold passage": (1, 1), "bbq: told": (1, 1), "bbq: told otherwise": (0, 1),
    }  # fmt: skip


def test_the_page_holds_every_figure() -> None:
    one = Interval(0.95, 10, 0.9, 1.0)
    text = page({"ours": one}, {"nq: gold passage": one}, one, {"python": "3", "date": "today"})
    assert all(
        name in text for name in ("| ours |", "| nq: gold passage |", "at least 0.9: met", "0.950 [0.900, 1.000]")
    )


def test_it_agrees_with_people_on_published_ratings() -> None:
    folder = shared_folder(None)
    if not (folder / "mtrag_human_eval").is_dir():
        pytest.skip("no shared data sets here; set TRIMTAB_SHARED_DATA")
    rows = rated(folder, most=120)
    assert separation(rows, share).value > 0.9
    assert agreement(rows).low > 0.75
