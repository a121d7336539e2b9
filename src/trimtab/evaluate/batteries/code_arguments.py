"""What the code battery's functions are called with: Python text for arguments, by chance."""

from collections.abc import Callable
from random import Random

_WORDS = (
    "stone",
    "level",
    "apple",
    "river",
    "noon",
    "banana",
    "kayak",
    "Moon",
    "tree",
    "Radar",
    "queue",
    "sky",
    "otter",
)


def numbers(rng: Random) -> str:
    return repr([rng.randint(-20, 40) for _ in range(rng.randint(3, 8))])


def repeats(rng: Random) -> str:
    return repr([rng.randint(0, 5) for _ in range(rng.randint(4, 9))])


def whole(low: int, high: int) -> Callable[[Random], str]:
    return lambda rng: repr(rng.randint(low, high))


def word(rng: Random) -> str:
    return repr(rng.choice(_WORDS) + rng.choice(("", "s", *_WORDS)))


def sentence(rng: Random) -> str:
    return repr(" ".join(rng.choice(_WORDS) for _ in range(rng.randint(2, 6))))


def words(rng: Random) -> str:
    return repr([rng.choice(_WORDS) for _ in range(rng.randint(3, 7))])


def grid(rng: Random) -> str:
    wide = rng.randint(2, 4)
    return repr([[rng.randint(0, 9) for _ in range(wide)] for _ in range(rng.randint(2, 4))])


def brackets(rng: Random) -> str:
    return repr(rng.choice(("()" * rng.randint(1, 3), "([]{})", "".join(rng.choice("()[]") for _ in range(6)))))


def two(rng: Random) -> str:
    return f"{repeats(rng)}, {repeats(rng)}"
