"""Questions about an order, refunds, and numbers that no order has."""

import json
from collections.abc import Iterator
from typing import Any

from trimtab.records import Message
from trimtab.templates.generator.phrases import endless
from trimtab.templates.generator.replies import (
    ASK_ORDER,
    DECLINE,
    broken_number,
    no_refund_reason,
    not_refundable,
    refunded,
    status_reply,
    unknown_order,
)
from trimtab.templates.generator.scene import Scene
from trimtab.templates.generator.shop import REFUNDABLE, Order, unknown_order_id
from trimtab.templates.generator.stage import Script, Stage, call_turn, error_code, said, with_wrongs

_ASKS = ("status", "status", "status", "total", "items", "paid")


def order_scenes(stage: Stage) -> Iterator[Scene]:
    """Where is it, what did it cost, what was in it, when was it paid: look up, then answer from the fields."""
    orders = endless(stage.shop.orders_of(stage.part), stage.rng)
    asks = endless(_ASKS, stage.rng)
    frames = {ask: endless(stage.wordings["order"][ask], stage.rng) for ask in set(_ASKS)}
    for order, ask in zip(orders, asks, strict=False):
        asked = stage.dress(next(frames[ask]).format(id=order.order_id)).text
        script = Script(stage.call)
        row = look_up(script, order)
        answer, facts = order_answer(row, ask)
        script.say(answer)
        labels = {
            "domain": "orders", "kind": "order", "cluster": order.order_id,
            "difficulty": "easy" if order.order_id in asked else "hard",
        }  # fmt: skip
        scene = script.scene(asked, "answer", labels, facts=facts)
        yield with_wrongs(scene, _order_wrongs(stage, scene, order, row))


def look_up(script: Script, order: Order) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(script.use("lookup_order", {"order_id": order.order_id}))
    return row


def order_answer(row: dict[str, Any], ask: str) -> tuple[str, tuple[str, ...]]:
    """The answer from the row's fields, and the facts in it."""
    order_id = row["order_id"]
    if ask == "total":
        return f"The total of order {order_id} was ${row['total']}.", (str(row["total"]),)
    if ask == "items":
        return f"Order {order_id} contains {row['items']}.", (row["items"],)
    if ask == "paid":
        return f"Order {order_id} was paid on {row['paid']}.", (row["paid"],)
    told = status_reply(order_id, row["status"], row["delivery"])
    return told, (row["delivery"] if row["delivery"] in told else row["status"],)


def order_error_scenes(stage: Stage) -> Iterator[Scene]:
    """A number that no order has, or that is none: say so and ask again."""
    for i, frame in enumerate(endless(stage.wordings["order"]["status"] + stage.wordings["refund"], stage.rng)):
        known = unknown_order_id(stage.shop, stage.part, stage.rng)
        order_id = known if i % 2 == 0 else _damaged(stage, known)
        asked = stage.dress(frame.format(id=order_id)).text
        script = Script(stage.call)
        if error_code(script.use("lookup_order", {"order_id": order_id})) not in ("not_found", "invalid_argument"):
            continue
        script.say(unknown_order(order_id) if order_id == known else broken_number(order_id))
        labels = {
            "domain": "orders", "kind": "order_error", "cluster": order_id, "rule": "R5",
            "difficulty": "easy" if order_id in asked else "hard",
        }  # fmt: skip
        scene = script.scene(asked, "clarify", labels)
        yield with_wrongs(scene, [
            ("invented order", 2, said(f"Order {order_id} has shipped and should arrive on 12 May.")),
            ("call skipped", 0, said(f"Order {order_id} is on its way to you.")),
            ("declined", 2, said(DECLINE["scope"])),
            ("asks for the wrong thing", 2, said("Which of our stoves do you mean?")),
        ])  # fmt: skip


def refund_scenes(stage: Stage) -> Iterator[Scene]:
    """Look up; pay back what was delivered or lost; else decline with the reason."""
    orders = stage.shop.orders_of(stage.part)
    fit = endless([order for order in orders if order.status in REFUNDABLE], stage.rng)
    unfit = endless([order for order in orders if order.status not in REFUNDABLE], stage.rng)
    frames = endless(stage.wordings["refund"], stage.rng)
    parts = endless(stage.wordings["refund_part"], stage.rng)
    for i, frame in enumerate(frames):
        order = next(fit if i % 5 < 3 else unfit)
        amount = _share(stage, order) if i % 10 == 0 else None
        frame = frame if amount is None else next(parts)
        asked = stage.dress(frame.format(id=order.order_id, amount=amount)).text
        if (scene := _refund_scene(stage, order, asked, amount)) is not None:
            yield scene


def refund_turns(script: Script, row: dict[str, Any], amount: float | None = None) -> tuple[str, ...] | None:
    """Refund what was looked up, or decline; the facts of the reply, None where the tool refuses the refund."""
    order_id, status = row["order_id"], row["status"]
    if status not in REFUNDABLE:
        script.say(not_refundable(order_id, status))
        return (no_refund_reason(status),)
    amount = row["total"] if amount is None else amount
    if error_code(script.use("refund_order", {"order_id": order_id, "amount": amount})):
        return None
    script.say(refunded(order_id, f"{amount}"))
    return (f"{amount}",)


def _refund_scene(stage: Stage, order: Order, asked: str, amount: float | None) -> Scene | None:
    script = Script(stage.call)
    row = look_up(script, order)
    facts = refund_turns(script, row, amount)
    if facts is None:
        return None
    allowed = row["status"] in REFUNDABLE
    labels = {
        "domain": "refunds", "kind": "refund", "cluster": order.order_id, "rule": "R6" if allowed else "R7",
        "difficulty": "hard" if amount is not None else "medium",
    }  # fmt: skip
    forbidden = () if allowed else ("refund_order",)
    scene = script.scene(asked, "answer" if allowed else "decline", labels, facts=facts, forbidden=forbidden)
    return with_wrongs(scene, _refund_wrongs(scene, row, allowed))


def _refund_wrongs(scene: Scene, row: dict[str, Any], allowed: bool) -> list[tuple[str, int, Message]]:
    order_id, total, last = row["order_id"], row["total"], len(scene.turns) - 1
    pay = {"order_id": order_id, "amount": total}
    wrongs = [
        ("refund without evidence", 0, call_turn("refund_order", pay)),
        ("order not looked up", 0, said(refunded(order_id, f"{total}"))),
        ("asks for what is known", 0, said(ASK_ORDER[0])),
    ]
    if not allowed:
        wrongs.append(("refund against the policy", 2, call_turn("refund_order", pay, 2)))
        wrongs.append(("claims a refund", 2, said(refunded(order_id, f"{total}"))))
        return wrongs
    wrongs.append(("over-refusal", 2, said(not_refundable(order_id, "shipped"))))
    wrongs.append(("claims a refund", 2, said(refunded(order_id, f"{total}"))))
    wrongs.append(("wrong amount", 2, call_turn("refund_order", pay | {"amount": round(total + 10, 2)}, 2)))
    wrongs.append(("wrong number", last, said(refunded(order_id, f"{round(total + 10, 2)}"))))
    return wrongs


def _order_wrongs(stage: Stage, scene: Scene, order: Order, row: dict[str, Any]) -> list[tuple[str, int, Message]]:
    other = stage.rng.choice([o for o in stage.shop.orders_of(stage.part) if o.order_id != order.order_id])
    fact = scene.expected.facts[0]
    another = {str(row["total"]): str(other.total), row["items"]: other.items}.get(fact, other.paid)
    status = "delivered" if row["status"] != "delivered" else "shipped"
    invented = status_reply(order.order_id, status, other.paid)
    return [
        ("invented status", 0, said(invented)),
        ("wrong fact", 2, said(scene.answer.replace(fact, another))),
        ("wrong order number", 0, call_turn("lookup_order", {"order_id": other.order_id})),
        ("asks for what is known", 0, said(ASK_ORDER[0])),
        ("hedged", 2, said(f"It seems that {scene.answer[0].lower()}{scene.answer[1:]} I might be wrong.")),
    ]


def _damaged(stage: Stage, order_id: str) -> str:
    """A number with a digit too few, a letter too few or no letters."""
    return stage.rng.choice((order_id[:-1], order_id[1:], order_id[:-2], order_id[3:]))


def _share(stage: Stage, order: Order) -> float | None:
    """A part of the total, in dollars that print as they are written; None where the total is small."""
    most = int(order.total) - 4
    if most <= 8 or order.status not in REFUNDABLE:
        return None
    amount = stage.amount(3, most)
    return float(amount) if "." in amount else int(amount)
