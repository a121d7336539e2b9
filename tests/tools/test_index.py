"""Search finds by meaning-bearing words, scores as BM25 says, and gives the same order on every run."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.records import ToolCall, UserError
from trimtab.tools import Index, Passage, Toolbox, ToolContext, search_tool
from trimtab.tools.index import _terms

STOVES = (
    Passage("del-1", "Standard delivery", "Parcels arrive within three working days."),
    Passage("war-1", "Guarantee", "Every burner is guaranteed for five years."),
    Passage("car-1", "Cleaning the burner", "Clean the burner with a soft brush."),
)
WORDS = st.sampled_from(["stove", "burner", "gas", "flame", "kettle", "seal", "brush", "pot", "wind", "screen"])
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


def plain_bm25(passages: list[Passage], query: str) -> list[tuple[float, str]]:
    """The slow twin, Lucene's BM25: idf = ln(1 + (N - n + .5)/(n + .5)), tf/(tf + k1(1 - b + b·len/mean len))."""
    documents = [_terms(f"{passage.title} {passage.text}") for passage in passages]
    mean = sum(map(len, documents)) / len(documents)
    scored = []
    for passage, terms in zip(passages, documents, strict=True):
        score = 0.0
        for term in dict.fromkeys(_terms(query)):
            holding = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            tf = terms.count(term)
            score += idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * len(terms) / mean))
        scored.append((score, passage.id))
    return sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))


@given(st.lists(TEXTS, min_size=1, max_size=6), TEXTS)
@settings(max_examples=60, deadline=None)
def test_the_order_is_bm25_s(texts: list[str], query: str) -> None:
    passages = [Passage(f"p{i}", "", text) for i, text in enumerate(texts)]
    found = [passage.id for passage in Index(passages).search(query, 10)]
    wanted = plain_bm25(passages, query)
    scores = {name: score for score, name in wanted}
    assert sorted(found) == sorted(scores)
    assert all(scores[a] >= scores[b] - 1e-9 for a, b in pairwise(found))


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_equal_passages_come_in_the_order_of_their_ids(order: list[int]) -> None:
    passages = [Passage(f"p{i}", "Gas", "the same words") for i in order]
    assert [passage.id for passage in Index(passages).search("gas", 5)] == ["p0", "p1", "p2", "p3", "p4"]


@pytest.mark.parametrize("query", ["How do I CLEAN the burner?", "cleaning burners", "Cleaned my burner…"])
def test_case_and_inflection_do_not_matter(query: str) -> None:
    assert Index(STOVES).search(query, 1)[0].id == "car-1"


@pytest.mark.parametrize("query", ["", "what is it?", "zeppelin", "!!!", "[war-1]"])
def test_nothing_found_is_nothing(query: str) -> None:
    assert Index(STOVES).search(query) == []


def test_no_passages_find_nothing() -> None:
    assert Index(()).search("burner") == []


def test_at_most_k() -> None:
    assert len(Index(STOVES).search("burner", 1)) == 1
    assert len(Index(STOVES).search("burner", 9)) == 2


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    index = Index(STOVES)
    index.save(tmp_path / "index.jsonl")
    loaded = Index.load(tmp_path / "index.jsonl")
    assert loaded.passages == index.passages
    assert loaded.digest == index.digest


def test_the_digest_follows_every_word() -> None:
    changed = (*STOVES[:2], Passage("car-1", "Cleaning the burner", "Clean the burner with a hard brush."))
    assert Index(changed).digest != Index(STOVES).digest


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"id": "a", "title": "t", "text": "x"}\n{"id": "b"}\n')
    with pytest.raises(UserError, match=r"index\.jsonl:2"):
        Index.load(tmp_path / "index.jsonl")


def test_two_passages_of_one_id_are_refused() -> None:
    with pytest.raises(UserError, match="'del-1'"):
        Index([STOVES[0], STOVES[0]])


def test_the_tool_returns_passages_as_json() -> None:
    box = Toolbox([search_tool(Index(STOVES), k=1)])
    result = box.run(ToolCall("search", {"query": "guarantee"}), ToolContext()).content
    assert json.loads(result) == [STOVES[1].to_json()]
    assert box.run(ToolCall("search", {"query": "zeppelin"}), ToolContext()).content == "[]"
