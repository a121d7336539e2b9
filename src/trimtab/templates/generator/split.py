"""What belongs to which part, by content alone, so that no order, number or document is in two parts."""

import hashlib
from typing import Literal

Part = Literal["train", "sealed", "traffic", "development"]
PARTS: tuple[Part, ...] = ("train", "sealed", "traffic", "development")

_ORDERS: tuple[tuple[Part, int], ...] = (("train", 46), ("sealed", 70), ("traffic", 91), ("development", 100))
_AMOUNTS: tuple[Part, ...] = ("train", "sealed", "traffic", "train", "development", "sealed", "train")


def part_of_order(order_id: str) -> Part:
    """By the digest of the number: 46 % train, 24 % sealed, 21 % traffic, 9 % development; no digit tells which."""
    bucket = int(hashlib.sha256(order_id.encode()).hexdigest(), 16) % 100
    return next(part for part, end in _ORDERS if bucket < end)


def part_of_amount(cents: int) -> Part:
    """Of a sum of money in a question, in cents."""
    return _AMOUNTS[cents % len(_AMOUNTS)]
