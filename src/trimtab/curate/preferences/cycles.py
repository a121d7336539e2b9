"""Verdicts over one prompt that go round in a circle (A over B over C over A): the weakest of each circle goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.preferences.pairs import pair_of, probability_of, spelled, weight_of


@dataclass(frozen=True, slots=True)
class _Edge:
    better: str
    worse: str
    strength: float
    row: Placed


def without_cycles(pairs: Sequence[Placed]) -> tuple[list[Placed], list[Drop]]:
    """The pairs without those that had to go so that every prompt's answers can be ordered, and a drop for each.

    As long as there is a strongly connected component of several answers, its weakest verdict goes (weight times
    2p − 1, where p is how sure the verdict is; between equals, the one whose text sorts last). A verdict on no circle
    never goes.
    """
    by_prompt: dict[str, list[_Edge]] = {}
    for placed in pairs:
        pair = pair_of(placed)
        strength = weight_of(pair) * (2 * probability_of(pair) - 1)
        edge = _Edge(spelled(pair.chosen), spelled(pair.rejected), strength, placed)
        by_prompt.setdefault(spelled(pair.prompt), []).append(edge)
    drops = [drop for edges in by_prompt.values() if len(edges) > 1 for drop in _broken(edges)]
    gone = {id(placed) for placed, _ in drops}
    return [placed for placed in pairs if id(placed) not in gone], [drop for _, drop in drops]


def _broken(edges: list[_Edge]) -> list[tuple[Placed, Drop]]:
    found = []
    while circle := _circular(edges):
        weakest = min(circle, key=lambda edge: edge.strength)
        least = [edge for edge in circle if edge.strength == weakest.strength]
        out = max(least, key=lambda edge: (edge.better, edge.worse, edge.row.place))
        answers = len({edge.better for edge in circle})
        others = ", ".join(sorted(edge.row.place for edge in circle if edge is not out)[:3])
        detail = f"{len(circle)} verdicts over {answers} answers go round in a circle, with {others}"
        found.append((out.row, dropped(out.row, "preference cycle", detail)))
        edges = [edge for edge in edges if edge is not out]
    return found


def _circular(edges: Sequence[_Edge]) -> list[_Edge]:
    """The verdicts inside the first component of several answers; none where the answers can be ordered."""
    for component in strong_components(_worse(edges)):
        if len(component) > 1:
            return [edge for edge in edges if edge.better in component and edge.worse in component]
    return []


def _worse(edges: Sequence[_Edge]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for edge in edges:
        found[edge.better] = (*found.get(edge.better, ()), edge.worse)
    return found


def strong_components(graph: Mapping[str, Sequence[str]]) -> list[set[str]]:
    """The strongly connected components, by Tarjan's algorithm (1972) without recursion, the nodes taken sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found.append(_popped(stack, node))
            elif child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                work.append((child, iter(sorted(graph.get(child, ())))))
            elif child in stack:
                low[node] = min(low[node], index[child])
    return found


def _popped(stack: list[str], node: str) -> set[str]:
    at = stack.index(node)
    component = set(stack[at:])
    del stack[at:]
    return component
