"""A suite is its cases whatever their order, each once, spread over kinds where it is cut."""

from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import load_suite, make_suite
from trimtab.records import UserError, write_jsonl


def cases(build: Any) -> list[Any]:
    return [build.case(question=f"q{i}", labels={"kind": "ab"[i % 10 == 0]}) for i in range(40)]


def test_files_become_one_suite(build: Any, tmp_path: Path) -> None:
    for i in range(2):
        write_jsonl(tmp_path / f"{i}.jsonl", [case.to_json() for case in cases(build)[i * 20 : i * 20 + 20]])
    suite = load_suite([tmp_path / "1.jsonl", tmp_path / "0.jsonl"], "sealed")
    assert suite.name == "sealed"
    assert suite.digest == make_suite(cases(build)).digest


def test_the_digest_sees_content_and_labels(build: Any) -> None:
    suites = [
        make_suite([build.case()]),
        make_suite([build.case(question="other")]),
        make_suite([build.case(labels={"kind": "x"})]),
        make_suite([build.case("clarify")]),
    ]
    assert len({suite.digest for suite in suites}) == 4


def test_a_case_counts_once(build: Any) -> None:
    suite = make_suite([build.case(), build.case(labels={"kind": "again"})])
    assert [dict(case.labels) for case in suite.cases] == [{}]


def test_a_cut_suite_keeps_every_kind_and_ignores_order(build: Any) -> None:
    one, other = make_suite(cases(build), limit=8), make_suite(cases(build)[::-1], limit=8)
    assert one.cases == other.cases
    assert [case.labels["kind"] for case in one.cases].count("b") == 4


def test_no_case_is_the_users_to_mend(build: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no case"):
        make_suite([])
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "hi"}], "expected": {"action": "sing"}}\n')
    with pytest.raises(UserError, match=r"bad\.jsonl:1.*unknown action"):
        load_suite([path])


def test_two_equal_cases_in_one_file_are_named_with_both_lines(build: Any, tmp_path: Path) -> None:
    path = tmp_path / "twice.jsonl"
    write_jsonl(path, [build.case().to_json(), build.case("clarify").to_json(), build.case().to_json()])
    with pytest.raises(UserError, match=r"twice\.jsonl:3: the same case as line 1"):
        load_suite([path])


def test_across_files_the_first_of_two_equal_cases_stays(build: Any, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_jsonl(tmp_path / f"{name}.jsonl", [build.case(labels={"kind": name}).to_json()])
    suite = load_suite([tmp_path / "first.jsonl", tmp_path / "second.jsonl"])
    assert [case.labels["kind"] for case in suite.cases] == ["first"]


@pytest.mark.parametrize("label", ["NaN", "Infinity", "-Infinity"])
def test_a_label_that_is_no_number_is_named(tmp_path: Path, label: str) -> None:
    path = tmp_path / "nan.jsonl"
    case = '{"messages": [{"role": "user", "content": "hi"}], "expected": {"action": "answer"}, "labels": {"d": %s}}'
    path.write_text(case % label + "\n")
    with pytest.raises(UserError, match=r"nan\.jsonl:1, field 'labels\.d'"):
        load_suite([path])


def test_an_empty_file_is_no_suite(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(UserError, match="no case to evaluate"):
        load_suite([tmp_path / "empty.jsonl"])
