"""A case that could not be judged stops an evaluation before a single case is asked."""

import asyncio

import pytest

import trimtab.evaluate.checks as checks
from trimtab.evaluate import evaluate, make_suite
from trimtab.evaluate.checks import require_checks
from trimtab.records import Case, Expected, Message, UserError
from trimtab.tools import Assistant


def case(kind: str) -> Case:
    return Case((Message("user", "?"),), Expected("answer", check={"kind": kind}))


async def never(*args: object, **more: object) -> None:
    raise AssertionError("a case was asked")


def test_an_unknown_check_is_named_before_anything_is_asked() -> None:
    suite = make_suite([case("telepathy")])
    with pytest.raises(UserError, match="telepathy"):
        asyncio.run(evaluate(Assistant(never), suite, release="r", vocab_size=9, now=0.0))  # type: ignore[arg-type]


def test_a_missing_extra_is_named_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise UserError("not installed", fix="pip install trimtab[sandbox]")

    monkeypatch.setitem(checks._NEEDS, "code", absent)
    require_checks([case("number"), case("text")])
    with pytest.raises(UserError, match="not installed"):
        require_checks([case("number"), case("code")])
