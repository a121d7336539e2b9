"""Grounded questions: the answer is a sentence of a passage, word for word, with its citation; or what is missing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.adapters import SEARCH_TOOL, AdapterOptions, GroundedQa
from trimtab.curate.adapters.passages import Passage, contains, cut, find_support, read_passages
from trimtab.curate.config import TextsConfig
from trimtab.records import UserError, case_from_json, example_from_json
from trimtab.text import citations

ADAPTER = GroundedQa(AdapterOptions(texts=TextsConfig(missing=("Not in the documents.",)), passage_words=12))
FILLER = "One thing about it is known. Another thing was said of it long ago. A third is not worth a word."
ROW: dict[str, Any] = {
    "question": "When was the mill built?",
    "passages": [
        {
            "id": "w:1",
            "title": "Mill",
            "text": f"{FILLER} The old mill, as all agree, was built in 1742. It was built in 1742. {FILLER}",
        },
        {"id": "w:2", "title": "Lake", "text": f"{FILLER} The lake was dug in 1742."},
        {"id": "w:3", "title": "Road", "text": f"The road [4] leads on. {FILLER}"},
    ],
    "answers": ["1742"],
    "answerable": True,
    "meta": {"gold": ["w:1"], "domain": "history"},
}
UNANSWERABLE = {**ROW, "answers": [], "answerable": False, "meta": {"source": "set"}}


def shown(row: dict[str, Any]) -> dict[str, dict[str, str]]:
    example = ADAPTER.example(row)
    assert example is not None
    return {passage["title"]: passage for passage in json.loads(example.messages[2].content)}


def test_the_answer_quotes_the_shortest_gold_sentence_and_cites_it() -> None:
    example = ADAPTER.example(ROW)
    assert example is not None
    mill = shown(ROW)["Mill"]
    assert example.messages[-1].content == f"It was built in 1742. [{mill['id']}]"
    assert "It was built in 1742." in mill["text"]
    assert example.labels == {"action": "answer", "kind": "grounded_qa", "domain": "history"}
    assert example_from_json(example.to_json()) == example


def test_the_conversation_searches_with_the_question_and_offers_the_tool() -> None:
    example = ADAPTER.example(ROW)
    assert example is not None
    user, search, result, _ = example.messages
    assert (user.content, search.tool_calls[0].arguments) == (ROW["question"], {"query": ROW["question"]})
    assert (result.role, result.name, result.tool_call_id) == ("tool", "search", search.tool_calls[0].id)
    assert example.tools == (SEARCH_TOOL,)


def test_ids_are_short_and_brackets_of_the_source_are_gone() -> None:
    passages = shown(ROW)
    assert sorted(passage["id"] for passage in passages.values()) == ["p1", "p2", "p3"]
    assert not citations(passages["Road"]["text"])


def test_passages_are_cut_at_sentences_and_keep_what_supports() -> None:
    for title, passage in shown(ROW).items():
        assert passage["text"].endswith("."), title
        assert len(passage["text"].split()) <= 12 + (title == "Mill")


def test_an_unanswerable_question_gets_the_missing_evidence_text() -> None:
    example, case = ADAPTER.example(UNANSWERABLE), ADAPTER.case(UNANSWERABLE)
    assert example is not None
    assert case is not None
    assert example.messages[-1].content == "Not in the documents."
    assert example.labels["action"] == case.expected.action == "defer"
    assert not case.expected.citations
    assert not case.expected.facts


def test_a_case_waits_after_the_search_and_knows_gold_and_fact() -> None:
    case, example = ADAPTER.case(ROW), ADAPTER.example(ROW)
    assert case is not None
    assert example is not None
    assert case.messages == example.messages[:-1]
    assert case.expected.citations == (shown(ROW)["Mill"]["id"],)
    assert case.expected.facts == ("1742",)
    assert not case.tools
    assert case_from_json(case.to_json()) == case


def test_a_passage_that_holds_the_answer_by_chance_is_not_gold() -> None:
    case = ADAPTER.case({**ROW, "meta": {}})
    assert case is not None
    assert len(case.expected.citations) == 2


def test_a_row_whose_answer_no_sentence_holds_teaches_nothing() -> None:
    assert ADAPTER.example({**ROW, "answers": ["1743"]}) is None
    assert ADAPTER.case({**ROW, "answers": ["174"]}) is None


def test_a_conversation_before_the_question_is_kept() -> None:
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    asked = {"role": "user", "content": "When was it built?"}
    example = ADAPTER.example({**ROW, "messages": [*before, asked]})
    assert example is not None
    assert [turn.content for turn in example.messages[:3]] == ["Hi", "Hello", "When was it built?"]
    with pytest.raises(UserError, match="end with the question"):
        ADAPTER.example({**ROW, "messages": before})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": ""}, "question"),
        ({"passages": "text"}, "passages"),
        ({"passages": [{"id": 1}]}, "passages[0]"),
        ({"answers": [1]}, "answers"),
        ({"answerable": "no"}, "answerable"),
        ({"meta": 3}, "meta"),
    ],
)
def test_a_malformed_row_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UserError) as caught:
        ADAPTER.example({**ROW, **change})
    assert caught.value.field == field


def test_no_place_gives_the_gold_passage_away() -> None:
    places = []
    for i in range(120):
        row = {**ROW, "question": f"{ROW['question']} ({i})"}
        places.append(shown(row)["Mill"]["id"])
    assert all(25 <= places.count(place) <= 60 for place in ("p1", "p2", "p3"))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 30), st.data())
def test_a_cut_is_a_run_of_whole_sentences_around_its_centre(
    lengths: list[int], limit: int, data: st.DataObject
) -> None:
    pieces = tuple(f"s{i}" + " w" * (length - 1) for i, length in enumerate(lengths))
    centre = data.draw(st.sampled_from(pieces))
    found = cut(Passage("p1", "o", "", pieces), limit, centre, "key").sentences
    start = pieces.index(found[0])
    assert pieces[start : start + len(found)] == found
    assert centre in found
    assert sum(len(piece.split()) for piece in found) <= max(limit, len(centre.split()))


def test_an_empty_result_is_a_search_that_found_nothing() -> None:
    example = ADAPTER.example({**UNANSWERABLE, "passages": []})
    assert example is not None
    assert example.messages[2].content == "[]"


def test_an_answer_is_found_as_whole_words_only() -> None:
    assert contains("It cost $1,742 in all.", "1,742")
    assert not contains("It cost 17421 in all.", "1742")
    assert not contains("Anything.", "!")


def test_support_is_sought_in_gold_only_where_gold_is_known() -> None:
    passages = read_passages(ROW["passages"], "key")
    anywhere, gold = find_support(passages, ["1742"], []), find_support(passages, ["1742"], ["w:2"])
    assert anywhere is not None
    assert gold is not None
    assert anywhere.sentence == "It was built in 1742."
    assert gold.sentence == "The lake was dug in 1742."
