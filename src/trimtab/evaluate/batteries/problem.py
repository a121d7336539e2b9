"""A problem in words with its exact answer, and the bits that many problems share."""

from dataclasses import dataclass
from fractions import Fraction
from random import Random

NAMES = ("Ada", "Ben", "Chloe", "Dmitri", "Esi", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kemi", "Luca", "Mira")
THINGS = ("pencils", "apples", "stickers", "marbles", "candles", "tickets", "postcards", "bolts", "plates", "seeds")
PLACES = ("workshop", "library", "bakery", "garden centre", "school", "warehouse", "harbour", "museum")


@dataclass(frozen=True, slots=True)
class Problem:
    """``answer`` is exact: whole, or money to the cent."""

    text: str
    answer: Fraction


def money(cents: int) -> str:
    """``$12`` or ``$12.50``."""
    return f"${cents // 100}" if cents % 100 == 0 else f"${cents // 100}.{cents % 100:02d}"


def number(rng: Random, level: int, small: int = 9) -> int:
    """A whole number from 2: up to ``small``, ten times that, or a hundred times, by level."""
    top = small * 10**level
    return rng.randint(max(2, top // 6), top)
