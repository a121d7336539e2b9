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
