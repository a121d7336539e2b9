"""Sealed cases share no wording, number, order or document with anything that is trained on."""

from collections.abc import Callable, Iterable

from trimtab.curate import Quarantine
from trimtab.records import Case, Example, Message, Row
from trimtab.templates import Generated, workspace_files
from trimtab.templates.generator.phrases import knowledge_of
from trimtab.templates.generator.shop import read_shop
from trimtab.templates.generator.split import PARTS, Part, part_of_amount, part_of_order

Shared = Callable[[Iterable[str], Iterable[str]], str | None]


def _asked(generated: Generated) -> list[str]:
    rows = [*generated.conversations, *(pair.prompt for pair in generated.comparisons)]
    return [message.content for messages in rows for message in messages if message.role == "user"]


def test_no_run_of_eight_words_is_in_training_and_sealed(parts: dict[Part, Generated], shared_run: Shared) -> None:
    sealed = _asked(parts["sealed"])
    for part in ("train", "traffic", "development"):
        assert shared_run(_asked(parts[part]), sealed) is None


def test_a_leak_would_be_found(parts: dict[Part, Generated], shared_run: Shared) -> None:
    sealed = _asked(parts["sealed"])
    assert shared_run([*_asked(parts["train"]), f"Hi, {sealed[7]}"], sealed) is not None


def test_the_quarantine_lets_every_row_pass(parts: dict[Part, Generated]) -> None:
    quarantine = Quarantine()
    for case in parts["sealed"].cases:
        quarantine.add(case)
    items = [Example((*item.messages, Message("assistant", item.answer))) for item in parts["traffic"].traffic]
    train, development = parts["train"], parts["development"]
    rows: list[Case | Row] = [*train.examples, *train.comparisons, *development.cases, *items]
    for row in rows:
        assert quarantine.check(row) is None
    assert quarantine.check(parts["sealed"].cases[0]) is not None


def test_documents_are_asked_about_in_one_part_only() -> None:
    train, sealed, development = (set(knowledge_of(part)) for part in ("train", "sealed", "development"))
    assert (len(train), len(sealed)) == (28, 12)
    assert not train & sealed
    assert not development & (train | sealed)
    assert set(knowledge_of("traffic")) <= train
    assert train | sealed | development == set(read_shop(workspace_files()).documents)


def test_cited_documents_keep_to_their_part(parts: dict[Part, Generated]) -> None:
    cited = {name for case in parts["sealed"].cases for name in case.expected.citations}
    assert cited == set(knowledge_of("sealed"))
    clusters = {example.labels["cluster"] for example in parts["train"].examples}
    assert not clusters & cited


def test_orders_keep_to_their_part(parts: dict[Part, Generated]) -> None:
    for part in PARTS:
        rows = parts[part].conversations
        ids = {
            str(call.arguments["order_id"])
            for messages in rows
            for message in messages
            for call in message.tool_calls
            if "order_id" in call.arguments
        }
        whole = {order_id for order_id in ids if len(order_id) == 8}
        assert whole
        assert {part_of_order(order_id) for order_id in whole} == {part}


def test_every_part_has_orders_to_refund_and_others() -> None:
    shop = read_shop(workspace_files())
    for part in PARTS:
        statuses = {order.status for order in shop.orders_of(part)}
        assert {"delivered", "shipped"} <= statuses


def test_sums_of_money_are_split_and_every_part_has_some() -> None:
    cents = [dollars * 100 + c for dollars in range(3, 100) for c in (0, 25, 49, 55, 75, 95, 99)]
    assert {part_of_amount(value) for value in cents} == set(PARTS)
