"""Multi-step arithmetic that is written out: sums, products, brackets, remainders, powers and percentages."""

from fractions import Fraction
from random import Random

from trimtab.evaluate.batteries.drawing import Draw
from trimtab.evaluate.batteries.problem import Problem, number


def _chain(rng: Random, level: int) -> Problem:
    terms = [number(rng, level, 20) for _ in range(3 + level)]
    signs = [rng.choice("+-") for _ in terms[1:]]
    value = terms[0] + sum(term if sign == "+" else -term for sign, term in zip(signs, terms[1:], strict=True))
    written = str(terms[0]) + "".join(f" {sign} {term}" for sign, term in zip(signs, terms[1:], strict=True))
    return Problem(f"What is {written}?", Fraction(value))


def _product(rng: Random, level: int) -> Problem:
    a, b = number(rng, level, 12), number(rng, max(level - 1, 0), 12)
    return Problem(f"What is {a} times {b}?", Fraction(a * b))


def _brackets(rng: Random, level: int) -> Problem:
    a, b, c, d = (number(rng, level, 12) for _ in range(4))
    if level == 0:
        return Problem(f"Calculate ({a} + {b}) * {c}.", Fraction((a + b) * c))
    return Problem(f"Calculate ({a} + {b}) * ({c} - {d}).", Fraction((a + b) * (c - d)))


def _division(rng: Random, level: int) -> Problem:
    quotient, divisor = number(rng, level, 12), number(rng, max(level - 1, 0), 12)
    extra = number(rng, level, 15)
    return Problem(f"Calculate {quotient * divisor} / {divisor} + {extra}.", Fraction(quotient + extra))


def _remainder(rng: Random, level: int) -> Problem:
    a, b = number(rng, level, 90), number(rng, level, 9) + 1
    return Problem(f"What is the remainder when {a} is divided by {b}?", Fraction(a % b))


def _power(rng: Random, level: int) -> Problem:
    base, exponent, off = rng.randint(2, 5 + 5 * level), rng.randint(2, 3), number(rng, level, 20)
    return Problem(f"Calculate {base}^{exponent} - {off}.", Fraction(base**exponent - off))


def _percent(rng: Random, level: int) -> Problem:
    share = rng.choice((10, 20, 25, 50, 75)) if level == 0 else rng.choice((5, 15, 35, 45, 60, 85, 95))
    whole = 20 * number(rng, level, 9)
    return Problem(f"What is {share}% of {whole}?", Fraction(share * whole, 100))


EXPRESSIONS: dict[str, Draw[Problem]] = {
    "chain": _chain,
    "product": _product,
    "brackets": _brackets,
    "division": _division,
    "remainder": _remainder,
    "power": _power,
    "percent": _percent,
}
