"""The invented shop: its documents and orders as the workspace holds them, and how its order table was made."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from trimtab.templates.generator.split import Part, part_of_order

REFUNDABLE = ("delivered", "lost")


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One row of ``tools/orders.jsonl``; ``total`` in dollars, always with two digits of cents."""

    order_id: str
    name: str
    items: str
    total: float
    paid: str
    status: str
    delivery: str


@dataclass(frozen=True, slots=True)
class Shop:
    documents: Mapping[str, Document]
    orders: tuple[Order, ...]

    def orders_of(self, part: Part) -> list[Order]:
        return [order for order in self.orders if part_of_order(order.order_id) == part]

    @property
    def order_ids(self) -> frozenset[str]:
        return frozenset(order.order_id for order in self.orders)


def read_shop(files: Mapping[str, bytes]) -> Shop:
    """The shop of a workspace's files (relative path to bytes)."""
    documents = [_document(data.decode()) for path, data in sorted(files.items()) if path.startswith("knowledge/")]
    rows = files["tools/orders.jsonl"].decode().splitlines()
    return Shop({document.id: document for document in documents}, tuple(Order(**json.loads(row)) for row in rows))


def _document(text: str) -> Document:
    _, head, body = text.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.strip().splitlines())
    return Document(fields["id"], fields["title"], tuple(re.split(r"(?<=\.)\s+", body.strip())))


_GOODS: Mapping[Part, Mapping[str, int]] = {
    "train": {"Finch": 5995, "Heron": 13445, "Plover": 3425, "Wren": 4175, "seal kit": 645, "gas canister": 719},
    "sealed": {"Osprey": 16885, "Siskin": 8815, "Dunlin grill plate": 4765, "pot set": 5238, "fuel bottle": 1427},
    "traffic": {"Finch": 5995, "Wren": 4175, "Plover": 3425, "windshield": 1233, "lighter": 387},
    "development": {"Linnet kettle": 2735, "camp mug": 948, "tea strainer": 566},
}
"""Price of each article in cents; the articles of a part's orders are its own."""
_NAMES: Mapping[Part, tuple[str, ...]] = {
    "train": ("Mara", "Tom", "Ines", "Jonas", "Priya", "Leo", "Hanna", "Omar", "Lucy", "Pavel", "Aisha", "Ben"),
    "sealed": ("Greta", "Yusuf", "Clara", "Dmitri", "Noor", "Felix", "Wanda", "Kofi"),
    "traffic": ("Nina", "Sam", "Rosa", "Emil", "Tara", "Victor", "Joan", "Idris"),
    "development": ("Edda", "Hugo", "Selma", "Ravi"),
}
_STATUSES: tuple[str, ...] = ("delivered",) * 8 + ("shipped",) * 5 + ("processing",) * 3 + ("packed",) * 2
_STATUSES += ("lost",) * 2 + ("refunded",) * 2 + ("cancelled",) * 2
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_DELIVERY, _FREE_FROM = 495, 8000


def make_orders(count: int, seed: int) -> list[Order]:
    """The table's rows, in the order of their numbers. The workspace ships ``make_orders(160, 128)``."""
    rng = random.Random(seed)
    orders: dict[str, Order] = {}
    while len(orders) < count:
        order = _make_order(_order_id(rng), rng)
        if round(order.total * 100) % 10:  # a total such as 71.90 would be written 71.9 in JSON
            orders[order.order_id] = order
    return [orders[key] for key in sorted(orders)]


def order_row(order: Order) -> dict[str, object]:
    return asdict(order)


def unknown_order_id(shop: Shop, part: Part, rng: random.Random) -> str:
    """A well-formed number of the part that no order has."""
    while True:
        order_id = _order_id(rng)
        if order_id not in shop.order_ids and part_of_order(order_id) == part:
            return order_id


def _order_id(rng: random.Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(2))
    return f"{letters}-{rng.randrange(10000, 100000)}"


def _make_order(order_id: str, rng: random.Random) -> Order:
    part = part_of_order(order_id)
    goods = _GOODS[part]
    basket = {name: rng.choice((1, 1, 1, 2, 2, 3)) for name in rng.sample(list(goods), rng.choice((1, 1, 2)))}
    cents = sum(goods[name] * count for name, count in basket.items())
    total = cents + (_DELIVERY if cents <= _FREE_FROM else 0)
    status, month, day = rng.choice(_STATUSES), rng.randrange(len(_MONTHS)), rng.randrange(1, 22)
    return Order(
        order_id=order_id,
        name=rng.choice(_NAMES[part]),
        items=" and ".join(f"{count} {_plural(name, count)}" for name, count in basket.items()),
        total=total / 100,
        paid=f"{day} {_MONTHS[month]}",
        status=status,
        delivery="none" if status == "cancelled" else f"{day + rng.randrange(2, 8)} {_MONTHS[month]}",
    )


def _plural(name: str, count: int) -> str:
    if count == 1:
        return name
    return name + ("es" if name.endswith("ch") else "s")
