"""Nothing that is sealed gets into training: every way to repeat a case is caught, and names the case."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from trimtab.curate.config import QuarantineConfig
from trimtab.curate.quarantine import Embedder, Quarantine
from trimtab.records import Case, Comparison, Example, Expected, Message, Unpaired, UserError
from trimtab.store import Store

Write = Callable[[str, list[Any]], Path]
QUESTION = (
    "My blue kettle arrived with a broken lid last Tuesday and I would like to know whether I can still send it back"
    " without the receipt, because I threw the box away"
)
CASE = Case((Message("system", "Be exact."), Message("user", QUESTION)), Expected("answer"))


def sealed(*cases: Case, **settings: Any) -> Quarantine:
    quarantine = Quarantine(QuarantineConfig(**settings))
    for line, case in enumerate(cases, start=1):
        quarantine.add(case, "sealed.jsonl", line)
    return quarantine


def asks(text: str, answer: str = "Yes.") -> Example:
    return Example((Message("user", text), Message("assistant", answer)))


def case(text: str) -> Case:
    return Case((Message("user", text),), Expected("answer"))


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (QUESTION, "exact"),
        (QUESTION.upper().replace(",", " -"), "exact"),
        ("Hello! " + QUESTION[30:150] + " Thank you.", "ngram"),
        (QUESTION.replace("blue", "red").replace("last", "this").replace("still send it", "send this"), "near"),
    ],
)
def test_a_row_that_repeats_a_case_is_caught_and_the_case_is_named(text: str, how: str) -> None:
    hit = sealed(CASE, shortest=6, ngram=25 if how == "near" else 13, threshold=0.4).check(asks(text))
    assert hit is not None
    assert (hit.how, hit.case, hit.file, hit.line) == (how, CASE.id, "sealed.jsonl", 1)
    assert CASE.id[:12] in str(hit)


def test_each_detector_is_needed_for_its_kind_of_copy() -> None:
    copied = asks(QUESTION.replace("blue", "red").replace("last", "this").replace("still send it", "send this"))
    assert sealed(CASE, ngram=25, threshold=1, reworded=2).check(copied) is None
    assert sealed(CASE, ngram=25, threshold=0.4, reworded=2).check(copied) is not None
    part = asks("Hello! " + QUESTION[30:150] + " Thank you very much for your kind and patient help in this matter.")
    assert sealed(CASE, ngram=25, threshold=1, reworded=2).check(part) is None
    assert sealed(CASE, ngram=13, threshold=1, reworded=2).check(part) is not None
    within = asks(
        "I am writing about an order of mine. " * 4 + copied.messages[0].content + " I am at home all day. " * 4
    )
    assert sealed(CASE, ngram=25, threshold=0.4, reworded=2).check(within) is None
    assert sealed(CASE, ngram=25, threshold=0.4).check(within) is not None


def test_a_row_about_the_same_thing_in_other_words_is_clean() -> None:
    assert sealed(CASE).check(asks("The lid of my kettle is broken. May I return it even without a receipt?")) is None


def test_short_questions_are_matched_by_shorter_runs() -> None:
    quarantine = sealed(case("Where is my order A-1001 please?"))
    assert quarantine.check(asks("Hi. Where is my order A-1001 please? It is late.")) is not None
    assert quarantine.check(asks("Hi. Where is my order A-1002 please? It is late.")) is None


def test_a_short_greeting_counts_as_a_whole_conversation_and_not_as_a_turn_of_one() -> None:
    quarantine = sealed(case("Yes please"))
    assert quarantine.check(asks("yes, please!")) is not None
    longer = Example(
        (
            Message("user", "Shall I pay?"),
            Message("assistant", "Yes."),
            Message("user", "Yes please"),
            Message("assistant", "Ok."),
        )
    )
    assert quarantine.check(longer) is None


def test_system_prompts_tool_schemas_and_tool_results_are_shared_by_nature() -> None:
    result = '[{"id": "p1", "text": "Kettles may be sent back within thirty days of the day on which they arrived."}]'
    quarantine = sealed(Case((Message("user", "About the kettle"), Message("tool", result)), Expected("answer")))
    row = Example(
        (
            Message("system", "Be exact."),
            Message("user", "A refund?"),
            Message("tool", result),
            Message("assistant", "No."),
        )
    )
    assert quarantine.check(row) is None


@pytest.mark.parametrize("kind", [Comparison, Unpaired])
def test_pairs_and_thumbs_are_checked_as_well(kind: type) -> None:
    prompt, answer = (Message("user", QUESTION),), (Message("assistant", "Yes."),)
    row = (
        Comparison(prompt, answer, (Message("assistant", "No."),))
        if kind is Comparison
        else Unpaired(prompt, answer, True)
    )
    assert sealed(CASE).check(row) is not None


def test_sealed_answers_are_guarded_but_not_the_policys_own_words() -> None:
    answer = "The lid may be replaced free of charge within thirty days of the delivery of the kettle."
    policy = "I could not find the answer to that in any of the documents."
    quarantine = Quarantine(shared=[policy])
    quarantine.add(asks("A question about the lid?", answer), "s.jsonl", 1)
    quarantine.add(asks("A question about the spout?", policy), "s.jsonl", 2)
    assert quarantine.check(asks("Something else altogether, is it?", answer)) is not None
    assert quarantine.check(asks("Something else altogether, is it?", policy)) is None


def test_files_are_read_with_their_lines_and_looks_go_into_the_ledger(tmp_path: Path, write: Write) -> None:
    write("quarantine/a.jsonl", [case("First of the sealed questions here").to_json(), CASE.to_json()])
    quarantine = Quarantine.load(["quarantine/*.jsonl"], tmp_path)
    hit = quarantine.check(asks(QUESTION))
    assert hit is not None
    assert (hit.file, hit.line, len(quarantine)) == ("quarantine/a.jsonl", 2, 2)
    with Store.open(tmp_path / "store") as store:
        quarantine.record_look(store.ledger, who="curate", purpose="contamination check", time=5.0)
        (look,) = store.ledger.looks("quarantine/a.jsonl")
    assert (look.who, look.time) == ("curate", 5.0)


def test_the_digest_moves_when_a_case_does() -> None:
    assert sealed(CASE).digest == sealed(CASE).digest != sealed(CASE, case("Another question")).digest


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "seals no case"), ([{"messages": [], "expected": {}}], "a.jsonl:1"), (["{"], "not JSON")],
)
def test_a_sealed_file_that_cannot_be_read_is_refused(
    tmp_path: Path, write: Write, rows: list[Any], message: str
) -> None:
    write("a.jsonl", rows)
    with pytest.raises(UserError, match=message):
        Quarantine.load(["a.jsonl"], tmp_path)


def test_no_sealed_file_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        Quarantine.load(["quarantine/*.jsonl"], tmp_path)


def test_examples_may_be_sealed_too(tmp_path: Path, write: Write) -> None:
    path = write("a.jsonl", [asks(QUESTION).to_json()])
    assert json.loads(path.read_text())["messages"]
    assert Quarantine.load(["a.jsonl"], tmp_path).check(asks(QUESTION, "Another answer")) is not None


def by_letters(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """An embedding that a test can foresee: how often each letter stands in the text."""
    counts = [[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    return np.array(counts, np.float32)


def test_an_embedding_finds_what_words_do_not_and_is_asked_last() -> None:
    asked: list[str] = []

    def vectors(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        asked.extend(texts)
        return by_letters(texts)

    quarantine = Quarantine(embedder=Embedder("letters", vectors, 0.999))
    quarantine.add(case("listen to the silent tenants"), "s.jsonl", 1)
    assert quarantine.check(asks("tinsel ot het enlist stantne")) is not None
    hit = quarantine.check(asks("tinsel ot het enlist stantne"))
    assert hit is not None
    assert (hit.how, hit.line) == ("embedding", 1)
    assert quarantine.check(asks("zebra quagga jazz buzz")) is None
    asked.clear()
    found = quarantine.check(asks("Listen to the SILENT tenants!"))
    assert found is not None
    assert found.how == "exact"
    assert asked == []


def test_a_shard_sealed_without_the_model_is_not_compared_in_silence() -> None:
    blind = Quarantine()
    blind.add(case("listen to the silent tenants"), "s.jsonl", 1)
    seeing = Quarantine(embedder=Embedder("letters", by_letters, 0.9))
    seeing.add_prints(blind.prints(), "s.jsonl", "digest")
    with pytest.raises(UserError, match="no embeddings"):
        seeing.check(asks("anything at all"))
