"""Circles are broken at their weakest verdict, and only there."""

from collections.abc import Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.preferences.builders import pair, placed

from trimtab.curate.preferences.cycles import strong_components, without_cycles
from trimtab.curate.preferences.pairs import pair_of

Edges = list[tuple[int, int]]


def test_the_weakest_verdict_of_a_circle_goes_and_names_the_others() -> None:
    rows = placed(
        pair("A", "B"),
        pair("B", "C", labels={"probability": 0.7}),
        pair("C", "A", labels={"weight": 2.0}),
        pair("A", "D"),
    )
    kept, (drop,) = without_cycles(rows)
    assert [row.line for row in kept] == [1, 3, 4]
    assert (drop.reason, drop.line) == ("preference cycle", 2)
    assert "f.jsonl:1" in drop.detail
    assert "f.jsonl:3" in drop.detail


def test_the_same_answers_under_other_prompts_make_no_circle() -> None:
    rows = placed(pair("A", "B", "1"), pair("B", "C", "2"), pair("C", "A", "3"))
    assert without_cycles(rows) == (rows, [])


def reaches(edges: Sequence[tuple[int, int]], start: int) -> set[int]:
    """By walking: every node to which a path leads."""
    found: set[int] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        for a, b in edges:
            if a == node and b not in found:
                found.add(b)
                todo.append(b)
    return found


EDGES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda e: e[0] != e[1]), unique=True, max_size=14
)


@given(EDGES)
@settings(max_examples=150, deadline=None)
def test_components_are_the_nodes_that_reach_each_other(edges: Edges) -> None:
    graph = {str(node): [str(b) for a, b in edges if a == node] for node in range(6)}
    found = strong_components(graph)
    assert sorted(node for component in found for node in component) == [str(node) for node in range(6)]
    for a, b in product(range(6), repeat=2):
        together = any(str(a) in component and str(b) in component for component in found)
        assert together == (a == b or (b in reaches(edges, a) and a in reaches(edges, b)))


@given(EDGES, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_what_is_left_can_be_ordered_and_no_verdict_off_a_circle_went(edges: Edges, random: object) -> None:
    rows = placed(*(pair(str(a), str(b)) for a, b in edges))
    kept, drops = without_cycles(rows)
    left = [(int(pair_of(row).chosen[0].content), int(pair_of(row).rejected[0].content)) for row in kept]
    assert all(node not in reaches(left, node) for node in range(6))
    assert len(kept) + len(drops) == len(rows)
    for drop in drops:
        a, b = edges[drop.line - 1]
        assert a in reaches(edges, b)
    again, _ = without_cycles(list(reversed(rows)))
    assert {row.line for row in again} == {row.line for row in kept}
