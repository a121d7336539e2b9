"""The privacy stage: rows go on without personal data, the report counts it, the vault can turn it back."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from trimtab.curate import (
    CurateConfig,
    Drop,
    Imported,
    Placed,
    PrivacyConfig,
    Quarantine,
    Report,
    curate,
    place_rows,
    privacy_stage,
)
from trimtab.curate.privacy import discreet, references, restore
from trimtab.curate.stage import Repair
from trimtab.records import Case, Comparison, Example, Expected, Message, Ranked, Row, ToolCall, Unpaired
from trimtab.store import Held

ASK = Message("user", "Call me on (555) 123-4567, I am ann@x.org")
CALL = Message("assistant", tool_calls=(ToolCall("dial", {"phone": "555-123-4567", "n": 5551234567}, "c1"),))
RESULT = Message("tool", '{"to": "ann@x.org"}', tool_call_id="c1")
ANSWER = Message("assistant", "I called (555) 123-4567.", reasoning="ann@x.org asked")
WHO = {"annotator": "eve@y.org", "comment": "ann@x.org is not content", "parents": ["t1"], "time": 1700000000.5}
ROWS: tuple[Row, ...] = (
    Example((ASK, CALL, RESULT, ANSWER), labels={"note": "ann@x.org"}, provenance=WHO, rejected=((CALL,), (ANSWER,))),
    Comparison((ASK,), (ANSWER,), (CALL,), annotators=("eve@y.org", "bob"), margin=5551234567.0, reason="ann@x.org"),
    Ranked((ASK,), ((ANSWER,), (CALL,)), (5551234567.0, 1.0), annotators=("eve@y.org",)),
    Unpaired((ASK,), (ANSWER,), True, provenance=WHO),
)


class Kept:
    """A vault in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Held] = {}

    def keep(self, rows: Sequence[Held]) -> list[str]:
        references = [f"r{len(self.rows) + i}" for i in range(len(rows))]
        self.rows.update(zip(references, rows, strict=True))
        return references


def staged(rows: Sequence[Row], vault: Kept | None = None, **settings: Any) -> list[Row]:
    config = PrivacyConfig(**settings)
    return [placed.row for placed in privacy_stage(place_rows(rows, "set").rows, config=config, vault=vault).rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_every_kind_of_row_goes_on_without_its_data_and_comes_back_whole(row: Row) -> None:
    vault = Kept()
    (clean,) = staged([row], vault)
    text = json.dumps(clean.to_json())
    assert not [datum for datum in ("ann@x.org", "eve@y.org", "123-4567", '"5551234567"') if datum in text]
    assert clean.provenance["vault"] == ["r0"]
    back = restore(clean.to_json(), vault.rows["r0"].mapping)
    assert back["provenance"].pop("vault") == ["r0"]
    assert back == {"provenance": {}, **row.to_json()}
    assert staged([clean]) == [clean]


def test_measurements_stay_numbers() -> None:
    (pair, ranked) = staged(ROWS[1:3])
    assert isinstance(pair, Comparison)
    assert isinstance(ranked, Ranked)
    assert (pair.margin, ranked.scores) == (5551234567.0, (5551234567.0, 1.0))


def test_annotators_are_told_apart_over_all_rows() -> None:
    names = ("eve", "al", "eve")
    rows = [Comparison((ASK,), (ANSWER,), (CALL,), annotators=(f"{name}@y.org", "bob")) for name in names]
    found = [row.annotators for row in staged(rows) if isinstance(row, Comparison)]
    assert found == [("<ANNOTATOR_1>", "bob"), ("<ANNOTATOR_2>", "bob"), ("<ANNOTATOR_1>", "bob")]


def test_the_report_counts_and_never_quotes() -> None:
    placed = [Placed(row, "set", "set.jsonl", i) for i, row in enumerate(ROWS, start=1)]
    done = privacy_stage(placed, config=PrivacyConfig(), vault=Kept())
    assert done.findings["by_kind"] == {"annotator": 4, "email": 4, "phone": 4}
    assert done.findings["by_source"] == {"set": done.findings["by_kind"]}
    assert (done.findings["rows"], done.findings["reversible"]) == (4, True)
    assert [(repair.kind, repair.detail, repair.line) for repair in done.repairs][:2] == [
        ("privacy", "1 annotator, 1 email, 1 phone", 1),
        ("privacy", "1 annotator, 1 email, 1 phone", 2),
    ]
    said = json.dumps([done.findings, [repair.to_json() for repair in done.repairs]])
    assert "x.org" not in said
    assert "123" not in said


def test_a_pair_whose_sides_differ_in_writing_alone_is_dropped_with_its_place() -> None:
    pair = Comparison((ASK,), (Message("assistant", "(555) 123-4567"),), (Message("assistant", "555-123-4567"),))
    done = privacy_stage([Placed(pair, "set", "p.jsonl", 3)], config=PrivacyConfig())
    assert not done.rows
    assert [(drop.reason, drop.file, drop.line) for drop in done.drops] == [("no difference", "p.jsonl", 3)]


def test_rows_without_personal_data_are_the_very_same_objects() -> None:
    row = Example((Message("user", "Where is order 4411?"), Message("assistant", "On its way.")))
    rows = place_rows([row], "set").rows
    assert privacy_stage(rows, config=PrivacyConfig()).rows[0] is rows[0]


def test_it_can_be_switched_off_and_narrowed_and_told_what_is_nobodys() -> None:
    row = Example((Message("user", "ann@x.org, 555-123-4567, on 21 January 2024"), Message("assistant", "Yes.")))
    for settings, text in (
        ({"scrub": False}, "ann@x.org, 555-123-4567, on 21 January 2024"),
        ({"kinds": ("email",)}, "<EMAIL_1>, 555-123-4567, on 21 January 2024"),
        ({"kinds": ("date", "phone")}, "ann@x.org, <PHONE_1>, on <DATE_1>"),
        ({"allow": ("Ann@x.org",)}, "ann@x.org, <PHONE_1>, on 21 January 2024"),
    ):
        (clean,) = staged([row], **settings)
        assert isinstance(clean, Example)
        assert clean.messages[0].content == text
    with pytest.raises(ValidationError, match="unknown kind 'emial'"):
        PrivacyConfig(kinds=("emial",))


def test_what_the_systems_own_words_say_is_nobodys() -> None:
    row = Example((Message("user", "I wrote to help@shop.org as ann@x.org"), Message("assistant", "Thanks.")))
    done = curate(place_rows([row], "set"), CurateConfig(), Quarantine(), system="Our address is help@shop.org.")
    assert done.examples[0].messages[1].content == "I wrote to help@shop.org as <EMAIL_1>"


def test_a_sealed_case_with_a_telephone_number_in_it_is_known_by_its_own_words() -> None:
    sealed = "Could you please call me back about the kettle on 555-123-4567 tomorrow"
    quarantine = Quarantine()
    quarantine.add(Case((Message("user", sealed),), Expected("answer")), "sealed.jsonl", 1)
    rows = [Example((Message("user", sealed), Message("assistant", "Yes."))), *ROWS]
    done = curate(place_rows(rows, "set"), CurateConfig(), quarantine)
    assert done.report.reasons == {"quarantine": 1}


def test_rows_that_differ_in_a_datum_alone_keep_references_of_their_own() -> None:
    rows = [Example((Message("user", f"I am {who}@x.org"), Message("assistant", "Hello."))) for who in ("ann", "bob")]
    vault = Kept()
    one, other = staged(rows, vault)
    assert one.id == other.id
    assert one.provenance["vault"] != other.provenance["vault"]
    assert [held.data for held in vault.rows.values()] == [("ann@xorg",), ("bob@xorg",)]


def test_a_row_scrubbed_again_for_more_kinds_names_both_holds_and_comes_back_whole() -> None:
    row = Example((Message("user", "I am ann@x.org, <EMAIL_1>, since 21 January 2024"), Message("assistant", "Hello.")))
    vault = Kept()
    (once,) = staged([row], vault, kinds=("email",))
    (twice,) = staged([once], vault, kinds=("email", "date"))
    assert isinstance(twice, Example)
    assert twice.messages[0].content == "I am <EMAIL_2>, <EMAIL_1>, since <DATE_1>"
    assert references(twice.provenance) == ["r0", "r1"]
    value: Any = twice.to_json()
    for name in reversed(references(twice.provenance)):
        value = restore(value, vault.rows[name].mapping)
    assert value["messages"] == row.to_json()["messages"]
    assert references({"vault": "not a list"}) == references({}) == []


def test_the_report_hides_what_other_stages_quote() -> None:
    drops = (Drop("bad row", "unknown role 'ann@x.org'", "set", "a.jsonl", 2), Drop("duplicate", "of a.jsonl:1", "set"))
    report = Report((), drops, {}, (Repair("text", "cut ann@x.org", "set"),), {"mine": {"seen": ["ann@x.org", 7]}})
    found = discreet(report, PrivacyConfig())
    assert [drop.detail for drop in found.drops] == ["unknown role '<EMAIL_1>'", "of a.jsonl:1"]
    assert found.drops[0].line == 2
    assert found.repairs[0].detail == "cut <EMAIL_1>"
    assert found.findings == {"mine": {"seen": ["<EMAIL_1>", 7]}}
    assert discreet(report, PrivacyConfig(scrub=False)) is report


def test_the_door_s_report_is_discreet() -> None:
    drop = Drop("bad row", "unknown role 'ann@x.org'", "set", "a.jsonl", 2)
    done = curate(Imported((), (drop,)), CurateConfig(), Quarantine())
    assert [found.detail for found in done.report.drops] == ["unknown role '<EMAIL_1>'"]
