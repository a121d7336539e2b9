"""Pairs that differ in support alone: one piece changed, the chosen side wholly supported, the rejected side not."""

import gzip
import json
from calendar import month_name
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

import pytest

from trimtab.records import Example, Message, ToolCall
from trimtab.train.grounding.pairs import names_of, support_pairs
from trimtab.train.grounding.spans import evidence_of, unsupported_spans

PASSAGES = [
    {"id": "p1", "title": "Returns", "text": "Anna Berg said “unused goods come back within 30 days” in June 2019."},
    {"id": "p2", "title": "Hours", "text": "The shop of Carl Lund opens at 9 and has sold warm bread since 1987."},
]
DATA = Path(__file__).parents[3] / "shared" / "data" / "nq_open_oracle" / "grounded_qa.jsonl.gz"


def example(answer: str) -> Example:
    call = ToolCall("search", {"query": "returns"}, id="c1")
    return Example(
        (
            Message("user", "What did Anna Berg say of returns?"),
            Message("assistant", tool_calls=(call,)),
            Message("tool", json.dumps(PASSAGES), tool_call_id="c1", name="search"),
            Message("assistant", answer),
        ),
        provenance={"source": "test"},
    )


ANSWER = "In June 2019 Anna Berg said “unused goods come back within 30 days” of the returns. [p1]"


def test_each_kind_of_edit_gives_a_pair_that_differs_in_one_piece() -> None:
    pairs = {pair.labels["edit"]: pair for pair in support_pairs(example(ANSWER), 0)}
    assert set(pairs) == {"number", "name", "quote", "citation"}
    for kind, pair in pairs.items():
        chosen, rejected = pair.chosen[0].content, pair.rejected[0].content
        assert chosen == ANSWER
        assert pair.prompt == example(ANSWER).messages[:-1]
        assert pair.provenance == {"source": "test"}
        parts = SequenceMatcher(None, chosen.split(), rejected.split(), autojunk=False).get_opcodes()
        changed = [part for part in parts if part[0] != "equal"]
        if kind == "quote":
            assert rejected.split("“")[0] == ANSWER.split("“")[0]
            assert rejected.split("”")[1] == ANSWER.split("”")[1]
        else:
            assert len(changed) == 1, kind


@pytest.mark.parametrize("seed", range(8))
def test_the_rejected_side_alone_lacks_support(seed: int) -> None:
    for pair in support_pairs(example(ANSWER), seed):
        evidence = evidence_of(pair.prompt)
        assert unsupported_spans(pair.chosen[0].content, evidence.passages, evidence.given) == []
        assert unsupported_spans(pair.rejected[0].content, evidence.passages, evidence.given)


def test_a_piece_gives_way_to_one_of_its_kind() -> None:
    for seed in range(8):
        edits = {pair.labels["edit"]: pair.rejected[0].content for pair in support_pairs(example(ANSWER), seed)}
        number = next(word for word in edits["number"].replace("days”", "").split() if word not in ANSWER.split())
        assert number.isdigit()
        assert len(number) in (2, 4)
        assert "[p2]" in edits["citation"]
        months = [name for name in month_name if name not in ("", "June", "May")]
        assert edits["name"] in [ANSWER.replace("June", name) for name in months]  # who was asked about stays


def test_the_same_seed_gives_the_same_pairs() -> None:
    assert support_pairs(example(ANSWER), 3) == support_pairs(example(ANSWER), 3)
    assert any(support_pairs(example(ANSWER), 3) != support_pairs(example(ANSWER), seed) for seed in (4, 5, 6))


@pytest.mark.parametrize(
    "answer",
    [
        "Anna Berg said so in June 2020 [p1].",
        "Anna Berg said so in June 2019.",
        "I could not find that in the documents.",
    ],
    ids=["unsupported", "uncited", "abstaining"],
)
def test_an_answer_that_is_not_supported_itself_gives_none(answer: str) -> None:
    assert support_pairs(example(answer), 0) == []


def test_a_digit_of_a_citation_is_no_number_of_the_answer() -> None:
    passages = [{"id": "7", "title": "", "text": "There are 7 seas."}, {"id": "8", "title": "", "text": "No more."}]
    row = example("There are 7 seas. [7]")
    shown = replace(row.messages[2], content=json.dumps(passages))
    row = replace(row, messages=(*row.messages[:2], shown, row.messages[3]))
    edits = {pair.labels["edit"]: pair.rejected[0].content for pair in support_pairs(row, 0)}
    assert edits["number"].endswith("seas. [7]")
    assert edits["citation"] == "There are 7 seas. [8]"


def test_names_of_other_examples_help_where_the_passages_offer_none() -> None:
    row = example("Carl Lund opens at 9. [p1]")
    alone = [{"id": "p1", "title": "", "text": "Carl Lund opens at 9."}]
    row = replace(
        row, messages=(*row.messages[:2], replace(row.messages[2], content=json.dumps(alone)), row.messages[3])
    )
    assert {pair.labels["edit"] for pair in support_pairs(row, 0)} == {"number"}
    stock = names_of([example(ANSWER)])
    assert "Anna Berg" in stock
    assert {pair.labels["edit"] for pair in support_pairs(row, 0, stock)} == {"number", "name"}


@pytest.mark.skipif(not DATA.is_file(), reason="needs nq_open_oracle of the shared data beside the repository")
def test_most_answers_of_a_published_set_give_a_pair() -> None:
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, 60)]
    examples = []
    for row in rows:
        quoted = next((s for s in row["passages"][0]["text"].split(". ") if row["answers"][0] in s), None)
        if quoted is not None and "[" not in quoted:
            shown = json.dumps([{**passage, "id": f"p{i}"} for i, passage in enumerate(row["passages"])])
            base = example(f"{quoted.rstrip('.')}. [p0]")
            examples.append(replace(base, messages=(Message("tool", shown), base.messages[-1])))
    stock = names_of(examples)
    made = [support_pairs(each, 0, stock) for each in examples]
    assert len(examples) > 30
    assert sum(map(bool, made)) > 0.8 * len(examples)
