"""Conversations of two turns: a second question that leans on the first, in one of four ways."""

from collections.abc import Iterator
from typing import Any

from trimtab.records import Message
from trimtab.templates.generator.calculator import calculator_wrongs, pieces_that_fit, price_of, total_reply
from trimtab.templates.generator.knowledge import answer_from
from trimtab.templates.generator.orders import look_up, order_answer, refund_turns
from trimtab.templates.generator.phrases import endless, number_word
from trimtab.templates.generator.replies import ASK_ORDER, DEFER, refunded, uncited
from trimtab.templates.generator.scene import Scene
from trimtab.templates.generator.shop import REFUNDABLE, Order
from trimtab.templates.generator.stage import Script, Stage, call_turn, passages, said, with_wrongs
from trimtab.templates.generator.toolless import ask_back


def conversation_scenes(stage: Stage) -> Iterator[Scene]:
    """The four sorts in turn."""
    sorts = (_follow_up(stage), _how_many(stage), _then_refund(stage), _number_given(stage))
    for sort in endless(sorts, stage.rng):
        yield next(sort)


def _follow_up(stage: Stage) -> Iterator[Scene]:
    """A second question whose subject stands in the first; the query names it again."""
    for entry in endless(stage.wordings["follow"], stage.rng):
        first, sentence, core = entry["first"]
        history = _answered(stage, first, sentence, core)
        document, number, fact = entry["answer"]
        script = Script(stage.call, made=1)
        found = passages(script.use("search", {"query": entry["query"]}))
        if document not in {passage["id"] for passage in found} or history is None:
            continue
        script.say(answer_from(stage.shop.documents[document], (number,)))
        asked = (*history, Message("user", stage.dress(entry["then"], bare=True).text))
        scene = script.scene(asked, "answer", _labels("products", document), facts=(fact,), citations=(document,))
        yield with_wrongs(scene, [
            ("uncited", 2, said(uncited(scene.answer))),
            ("search skipped", 0, said(uncited(scene.answer))),
            ("repeats itself", 2, said(history[-1].content)),
            ("over-deferral", 2, said(DEFER[0])),
        ])  # fmt: skip


def _how_many(stage: Stage) -> Iterator[Scene]:
    """The price, then what several cost: the number comes from the passage above."""
    for document in endless(list(stage.wordings["products"]), stage.rng):
        product, noun = stage.wordings["products"][document]
        price = price_of(stage, document)
        sentence = next(i for i, text in enumerate(stage.shop.documents[document].sentences) if "$" in text)
        count = stage.rng.choice(pieces_that_fit(price))
        history = _answered(
            stage, document, sentence, stage.pick("prices").format(n="one of your", product=product, noun=noun)
        )
        if history is None:
            continue
        script = Script(stage.call, made=1)
        result = script.use("calculator", {"expression": f"{count} * {price}"})
        script.say(total_reply(stage, document, count, result))
        again = stage.pick("again").format(n=number_word(count, stage.rng))
        asked = (*history, Message("user", stage.dress(again, bare=True).text))
        scene = script.scene(asked, "answer", _labels("products", document), facts=(result,), citations=(document,))
        yield with_wrongs(scene, calculator_wrongs(scene, 0, stage.rng))


def _then_refund(stage: Stage) -> Iterator[Scene]:
    """An order's status, then the wish for a refund: the evidence is there, one call is left or none."""
    for order in endless(_by_refund(stage), stage.rng):
        before = Script(stage.call)
        row = look_up(before, order)
        before.say(order_answer(row, "status")[0])
        first = Message("user", stage.dress(stage.pick("order", "status").format(id=order.order_id)).text)
        script = Script(stage.call, made=1)
        facts = refund_turns(script, row)
        if facts is None:
            continue
        allowed = row["status"] in REFUNDABLE
        asked = (first, *before.turns, Message("user", stage.dress(stage.pick("refund_then"), bare=True).text))
        labels = _labels("refunds", order.order_id) | {"rule": "R6" if allowed else "R7"}
        forbidden = () if allowed else ("refund_order",)
        scene = script.scene(asked, "answer" if allowed else "decline", labels, facts=facts, forbidden=forbidden)
        claim = said(refunded(order.order_id, f"{order.total}"))
        yield with_wrongs(scene, [
            ("claims a refund", 0, claim),
            ("asks for what is known", 0, said(ASK_ORDER[0])),
        ])  # fmt: skip


def _number_given(stage: Stage) -> Iterator[Scene]:
    """Asked for the number, the user sends it: now look it up."""
    orders = endless(stage.shop.orders_of(stage.part), stage.rng)
    for frame in endless(stage.wordings["clarify"]["order"], stage.rng):
        order, goal = next(orders), _goal(frame)
        script = Script(stage.call)
        row = look_up(script, order)
        facts = _finish(script, row, goal)
        if facts is None:
            continue
        asked = (
            Message("user", stage.dress(frame).text),
            said(ask_back(stage, "order")),
            Message("user", stage.dress(stage.pick("number").format(id=order.order_id), bare=True).text),
        )
        declined = goal == "refund" and row["status"] not in REFUNDABLE
        forbidden = ("refund_order",) if declined or goal != "refund" else ()
        labels = _labels("orders", order.order_id)
        scene = script.scene(asked, "decline" if declined else "answer", labels, facts=facts, forbidden=forbidden)
        wrongs = [
            ("asks again", 0, said(ASK_ORDER[0])),
            ("invented status", 0, said(f"Order {order.order_id} is on its way to you.")),
        ]
        if goal != "refund":
            wrongs.append(("refund nobody asked for", 0, call_turn("refund_order", _pay(order), 2)))
        yield with_wrongs(scene, wrongs)


def _answered(stage: Stage, document: str, sentence: int, core: str) -> tuple[Message, ...] | None:
    """A first question and its answered turns; None where the search misses."""
    dressed = stage.dress(core)
    script = Script(stage.call)
    found = passages(script.use("search", {"query": dressed.core}))
    if document not in {passage["id"] for passage in found}:
        return None
    script.say(answer_from(stage.shop.documents[document], (sentence,)))
    return (Message("user", dressed.text), *script.turns)


def _finish(script: Script, row: dict[str, Any], goal: str) -> tuple[str, ...] | None:
    if goal == "refund":
        return refund_turns(script, row)
    answer, facts = order_answer(row, goal)
    script.say(answer)
    return facts


def _goal(frame: str) -> str:
    """What the first message wants to know of the order."""
    if any(word in frame for word in ("refund", "money back", "pay me back", "reimburse")):
        return "refund"
    if any(word in frame for word in ("pay", "bill", "sum")):
        return "paid" if "payment" in frame else "total"
    return "items" if "order last time" in frame else "status"


def _by_refund(stage: Stage) -> list[Order]:
    """Orders of the part, those that can be refunded four times as likely as the others."""
    orders = stage.shop.orders_of(stage.part)
    fit = [order for order in orders if order.status in REFUNDABLE]
    return fit + [order for order in orders if order.status not in REFUNDABLE][: max(1, len(fit) // 4)]


def _labels(domain: str, cluster: str) -> dict[str, Any]:
    return {"domain": domain, "kind": "conversation", "cluster": cluster, "difficulty": "hard"}


def _pay(order: Order) -> dict[str, Any]:
    return {"order_id": order.order_id, "amount": order.total}
