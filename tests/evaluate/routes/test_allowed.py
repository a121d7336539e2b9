"""A call is right where every argument has an accepted value; what is wrong is told apart."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate import breakdown
from trimtab.evaluate.checks import check_scores
from trimtab.evaluate.routes import Accepted, accepted_calls, breakdown_scores, fits, mismatch
from trimtab.evaluate.routes.matching import largest_pairing
from trimtab.records import Case, Expected, Message, ToolCall, UserError


def schema(name: str, required: tuple[str, ...] = (), **types: Any) -> dict[str, Any]:
    properties = {key: one if isinstance(one, dict) else {"type": one} for key, one in types.items()}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


def due(allowed: dict[str, list[Any]], required: tuple[str, ...] = (), **types: Any) -> Accepted:
    return Accepted("f", allowed, schema("f", required, **types)["function"]["parameters"])


def case_of(*rows: tuple[str, dict[str, list[Any]]], tools: tuple[Any, ...] = ()) -> Case:
    calls = [{"name": name, "allowed": allowed} for name, allowed in rows]
    check = {"kind": "calls", "calls": calls}
    return Case((Message("user", "?"),), Expected("call_tool", check=check), tools=tools)


NESTED = {"type": "array", "items": {"type": "object"}}


@pytest.mark.parametrize(
    ("accepted", "arguments"),
    [
        (due({"n": [5.0]}, n="number"), {"n": 5}),
        (due({"n": [5]}, n="integer"), {"n": 5}),
        (due({"s": ["New York, NY"]}, s="string"), {"s": "new-york ny."}),
        (due({"s": ["it's"]}, s="string"), {"s": 'it"s'}),
        (due({"a": [1], "b": ["x", ""]}, a="integer", b="string"), {"a": 1}),
        (due({"a": [["X", "y."]]}, a={"type": "array", "items": {"type": "string"}}), {"a": ["x", "Y"]}),
        (due({"o": [{"k": ["A"], "z": [1, ""]}]}, o="object"), {"o": {"k": "a"}}),
        (due({"l": [[{"k": ["A"]}]]}, l=NESTED), {"l": [{"k": "a."}]}),
        (due({"n": ["limit"]}, n="integer"), {"n": "limit"}),
        (due({"t": [[1, 2]]}, t={"type": "array", "x-original-type": "tuple"}), {"t": [1, 2]}),
    ],
)
def test_these_are_accepted(accepted: Accepted, arguments: dict[str, Any]) -> None:
    assert mismatch(accepted, ToolCall("f", arguments)) is None


@pytest.mark.parametrize(
    ("accepted", "arguments", "reason"),
    [
        (due({"n": [5]}, n="integer"), {"n": 5.0}, "type n"),
        (due({"n": [5]}, n="integer"), {"n": "5"}, "type n"),
        (due({"n": [1]}, n="integer"), {"n": True}, "type n"),
        (due({"n": [5]}, n="integer"), {"n": 6}, "value n"),
        (due({"n": [5]}, n="integer"), {}, "missing n"),
        (due({"n": [5, ""]}, ("n",), n="integer"), {}, "missing n"),
        (due({"n": [5]}, n="integer"), {"n": 5, "m": 1}, "unexpected m"),
        (due({"a": [[1, 2]]}, a={"type": "array", "items": {"type": "integer"}}), {"a": [2, 1]}, "value a"),
        (due({"a": [[1, 2]]}, a={"type": "array", "items": {"type": "integer"}}), {"a": ["1", "2"]}, "type a"),
        (due({"o": [{"k": ["A"]}]}, o="object"), {"o": {"k": "a", "j": 1}}, "value o"),
        (due({"o": [{"k": ["A"]}]}, o="object"), {"o": {}}, "value o"),
        (due({"l": [[{"k": ["A"]}]]}, l=NESTED), {"l": []}, "value l"),
        (due({"n": ["limit"]}, n="integer"), {"n": "Limit"}, "value n"),
    ],
)
def test_these_are_not_and_it_says_why(accepted: Accepted, arguments: dict[str, Any], reason: str) -> None:
    assert mismatch(accepted, ToolCall("f", arguments)) == reason
    assert mismatch(accepted, ToolCall("g", arguments)) == "wrong tool"


VALUES = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(min_size=1), st.booleans())


@given(st.dictionaries(st.text(min_size=1), st.lists(VALUES, min_size=1, max_size=3), max_size=4), st.data())
def test_any_choice_of_accepted_values_is_accepted_and_one_argument_more_is_not(
    allowed: dict[str, list[Any]], data: st.DataObject
) -> None:
    alike = {key: [one for one in values if type(one) is type(values[0])] for key, values in allowed.items()}
    accepted = Accepted("f", alike, {})
    chosen = {key: data.draw(st.sampled_from(values)) for key, values in alike.items()}
    assert fits(accepted, ToolCall("f", chosen))
    assert not fits(accepted, ToolCall("f", {**chosen, "".join(chosen) + "_more": 1}))


@given(st.permutations([1, 2, 3, 4]))
def test_parallel_calls_may_come_in_any_order(order: list[int]) -> None:
    case = case_of(*(("f", {"n": [n]}) for n in (1, 2, 3, 4)))
    assert breakdown(case, [ToolCall("f", {"n": n}) for n in order]).clean
    assert not breakdown(case, [ToolCall("f", {"n": n}) for n in order[:3]]).clean


def test_a_call_that_fits_two_is_left_to_the_one_that_has_no_other() -> None:
    case = case_of(("f", {"n": [1, 2]}), ("f", {"n": [1]}))
    assert breakdown(case, [ToolCall("f", {"n": 1}), ToolCall("f", {"n": 2})]).clean


@given(st.lists(st.lists(st.integers(0, 3), unique=True, max_size=4), max_size=4))
def test_the_pairing_is_the_largest_that_trying_all_finds(pairs: list[list[int]]) -> None:
    def size(taken: tuple[int | None, ...]) -> int:
        used = [one for one in taken if one is not None]
        return len(used) if len(set(used)) == len(used) else 0

    best = max(map(size, itertools.product(*([None, *options] for options in pairs))))
    found = largest_pairing(pairs)
    assert len(found) == best
    assert all(found[want] in pairs[want] for want in found)


def test_each_error_has_its_name() -> None:
    case = case_of(("f", {"n": [1]}), ("g", {"n": [1]}))
    right = (ToolCall("f", {"n": 1}), ToolCall("g", {"n": 1}))
    assert check_scores_of(case, *right) == 1.0

    def errors(*made: ToolCall) -> set[str]:
        return {name for name, score in breakdown_scores(case, made).items() if name.startswith("route_") and score}

    assert errors(*right) == set()
    assert errors(right[0], ToolCall("g", {"n": 2})) == {"route_wrong_arguments"}
    assert errors(right[0], ToolCall("h", {"n": 1})) == {"route_wrong_tool"}
    assert errors(right[0]) == {"route_missing_call"}
    assert errors(*right, ToolCall("g", {"n": 1})) == {"route_extra_call"}


def check_scores_of(case: Case, *made: ToolCall) -> float:
    from trimtab.evaluate import Transcript
    from trimtab.tools import Outcome

    turns = tuple(Message("assistant", tool_calls=(call,)) for call in made)
    return check_scores(case, Transcript(Outcome(turns, "", "", "client_tools")))["ast_accuracy"]


def test_where_no_call_is_due_only_silence_is_right() -> None:
    case = Case((Message("user", "?"),), Expected("defer"))
    assert breakdown_scores(case, [])["no_call_accuracy"] == 1
    called = breakdown_scores(case, [ToolCall("f", {})])
    assert (called["no_call_accuracy"], called["route_extra_call"]) == (0, 1)
    assert "call_recall" not in called


def test_called_when_due_counts_a_wrong_call_too() -> None:
    case = case_of(("f", {"n": [1]}))
    assert breakdown_scores(case, [ToolCall("g", {})])["call_recall"] == 1
    assert breakdown_scores(case, [])["call_recall"] == 0


def test_values_that_are_no_list_are_refused_by_field() -> None:
    with pytest.raises(UserError, match="accepted values") as error:
        accepted_calls(case_of(("f", {"n": 5})))  # type: ignore[dict-item]
    assert "check.calls[0].allowed" in str(error.value)
