"""The policy document holds, in the guard room's eyes, and the assistant is taught its very words."""

from pathlib import Path

import pytest

from trimtab.guard import PolicyGuards, load_policy
from trimtab.records import Message, case_from_json, read_jsonl
from trimtab.templates import Generated
from trimtab.templates.generator import replies
from trimtab.templates.generator.phrases import phrases
from trimtab.templates.generator.scene import Item
from trimtab.templates.generator.split import Part
from trimtab.text import style


def test_every_taught_refusal_stands_in_the_policy(workspace: Path) -> None:
    text = " ".join((workspace / "policy" / "policy.md").read_text().split())
    for wording in (*replies.DECLINE.values(), replies.DEFER[0], replies.TRADE):
        assert wording in text


def test_every_rule_that_a_row_quotes_exists(workspace: Path, parts: dict[Part, Generated]) -> None:
    policy = load_policy(workspace / "policy" / "policy.md")
    known = {rule.id for rule in policy.rules} | {""}
    assert {example.labels["rule"] for example in parts["train"].examples} <= known
    assert {case.labels["rule"] for case in parts["sealed"].cases} <= known
    assert {item.labels["rule"] for item in parts["traffic"].traffic} <= known
    cases = read_jsonl(workspace / "redteam" / "redteam.jsonl", case_from_json)
    assert {case.labels["rule"] for case in cases} <= known


def test_no_rule_blocks_an_honest_question(workspace: Path, parts: dict[Part, Generated]) -> None:
    guards = PolicyGuards(load_policy(workspace / "policy" / "policy.md"))
    rows: list[tuple[tuple[Message, ...], str]] = [(c.messages, c.expected.action) for c in parts["sealed"].cases]
    rows += [(item.messages, item.expected.action) for item in parts["traffic"].traffic]
    for messages, action in rows:
        if action != "decline":
            assert guards.before(messages).refusal is None, messages[-1].content


def test_the_guards_leave_every_ideal_answer_as_it_is(workspace: Path, parts: dict[Part, Generated]) -> None:
    guards = PolicyGuards(load_policy(workspace / "policy" / "policy.md"))
    for example in parts["train"].examples:
        last = max(i for i, message in enumerate(example.messages) if message.role == "user")
        asked, turns = example.messages[: last + 1], example.messages[last + 1 :]
        found = guards.after(asked, turns, turns[-1].content)
        assert found.answer == turns[-1].content
        assert all(verdict.ruling == "allow" for verdict in found.verdicts)


def test_an_uncited_answer_does_not_pass(workspace: Path, parts: dict[Part, Generated]) -> None:
    guards = PolicyGuards(load_policy(workspace / "policy" / "policy.md"))
    pair = next(row for row in parts["train"].comparisons if row.reason == "uncited")
    turns = (*[m for m in pair.prompt if m.role != "user"][-2:], *pair.rejected)
    asked = tuple(m for m in pair.prompt if m.role in ("system", "user"))
    assert guards.after(asked, turns, pair.rejected[-1].content).answer != pair.rejected[-1].content


@pytest.mark.parametrize(
    ("wording", "marker"),
    [(text, "refusal") for text in replies.DECLINE.values()]
    + [(text, "deferral") for text in (*replies.DEFER, replies.TRADE)]
    + [(text, "question") for text in (*replies.ASK_ORDER, *replies.ASK_STOVE)]
    + [(replies.unknown_order("AB-12345"), "question"), (replies.broken_number("AB-123"), "question")]
    + [(replies.not_refundable("AB-12345", "shipped"), "refusal")],
)
def test_a_wording_reads_as_what_it_does(wording: str, marker: str) -> None:
    found = style(wording)
    assert getattr(found, marker)
    assert not any(getattr(found, other) for other in {"refusal", "deferral", "question"} - {marker})


def test_each_part_words_its_trade_enquiries_but_training() -> None:
    assert "trade" not in phrases("train")
    assert {"trade"} <= set(phrases("sealed")) & set(phrases("traffic"))


def test_an_item_knows_its_user(parts: dict[Part, Generated]) -> None:
    assert all(isinstance(item, Item) and item.user.startswith("user-") for item in parts["traffic"].traffic)
