"""Word problems by template: the numbers are drawn so that the answer is whole, or money to the cent."""

from fractions import Fraction
from random import Random

from trimtab.evaluate.batteries.drawing import Draw
from trimtab.evaluate.batteries.problem import NAMES, PLACES, THINGS, Problem, money, number


def _shopping(rng: Random, level: int) -> Problem:
    name, (one, two) = rng.choice(NAMES), rng.sample(THINGS, 2)
    a, b = number(rng, level), number(rng, level)
    cents = [rng.randint(1, 9) * 100 if level == 0 else rng.randint(21, 999) for _ in range(2)]
    text = f"{name} buys {a} {one} at {money(cents[0])} each and {b} {two} at {money(cents[1])} each."
    return Problem(f"{text} How many dollars is that in all?", Fraction(a * cents[0] + b * cents[1], 100))


def _change(rng: Random, level: int) -> Problem | None:
    name, thing, count = rng.choice(NAMES), rng.choice(THINGS), number(rng, min(level, 1))
    cents = rng.randint(1, 6) * 100 if level == 0 else rng.randint(35, 899)
    note = next((note for note in (20, 50, 100, 200, 500, 1000) if note * 100 > count * cents), None)
    if note is None:
        return None
    text = f"{name} pays for {count} {thing} at {money(cents)} each with ${note}."
    return Problem(f"{text} How many dollars of change are due?", Fraction(note * 100 - count * cents, 100))


def _sharing(rng: Random, level: int) -> Problem:
    people, each, left = number(rng, level), number(rng, level), rng.randint(1, 9)
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    text = f"{name} had {people * each + left} {thing}, kept {left} and shared the rest equally among {people} friends."
    return Problem(f"{text} How many {thing} did each friend get?", Fraction(each))


def _boxes(rng: Random, level: int) -> Problem:
    boxes, each, sold = number(rng, level), number(rng, level), number(rng, level, 4)
    place, thing = rng.choice(PLACES), rng.choice(THINGS)
    sold = min(sold, boxes * each - 1)
    text = f"A {place} gets {boxes} boxes with {each} {thing} each and sells {sold} of the {thing}."
    return Problem(f"{text} How many {thing} are left?", Fraction(boxes * each - sold))


def _journey(rng: Random, level: int) -> Problem:
    speeds = [5 * number(rng, min(level, 1)) for _ in range(2)]
    hours = [rng.randint(2, 4 + 3 * level) for _ in range(2)]
    text = f"A train runs {hours[0]} hours at {speeds[0]} km/h, then {hours[1]} hours at {speeds[1]} km/h."
    return Problem(f"{text} How many kilometres does it cover?", Fraction(hours[0] * speeds[0] + hours[1] * speeds[1]))


def _wages(rng: Random, level: int) -> Problem:
    name, hours, over = rng.choice(NAMES), number(rng, min(level, 1), 20), rng.randint(2, 9)
    cents = 2 * (rng.randint(5, 15) * 100 if level == 0 else rng.randint(401, 1799))
    text = f"{name} earns {money(cents)} an hour, and one and a half times that for overtime."
    asked = f"How many dollars are {hours} ordinary hours and {over} hours of overtime?"
    return Problem(f"{text} {asked}", Fraction(hours * cents + over * cents * 3 // 2, 100))


def _discount(rng: Random, level: int) -> Problem:
    share = rng.choice((10, 20, 25, 50)) if level == 0 else rng.choice((5, 15, 30, 35, 40, 60))
    price = 20 * number(rng, level)
    text = f"A coat that costs ${price} is {share}% off in the sale, and sending it costs $6."
    return Problem(f"{text} How many dollars does a customer pay?", Fraction(price * (100 - share), 100) + 6)


def _ages(rng: Random, level: int) -> Problem:
    (old, young), times, child, years = rng.sample(NAMES, 2), rng.randint(2, 4), rng.randint(4, 20), rng.randint(2, 15)
    text = f"{young} is {child} years old and {old} is {times} times as old."
    if level == 0:
        return Problem(f"{text} How old will {old} be in {years} years?", Fraction(times * child + years))
    asked = f"How old will the two be together in {years} years?"
    return Problem(f"{text} {asked}", Fraction(times * child + child + 2 * years))


def _area(rng: Random, level: int) -> Problem:
    long, wide, cents = number(rng, level), number(rng, min(level, 1)), rng.randint(2, 9) * 100
    if level == 0:
        text = f"A field is {long} m by {wide} m."
        return Problem(f"{text} How many metres of fence go round it?", Fraction(2 * (long + wide)))
    text = f"A floor of {long} m by {wide} m is tiled at {money(cents)} a square metre."
    return Problem(f"{text} How many dollars does that cost?", Fraction(long * wide * cents, 100))


def _tank(rng: Random, level: int) -> Problem | None:
    start, fill, leak = number(rng, level, 60), number(rng, level) + 3, number(rng, level, 4)
    if leak >= fill:
        return None
    minutes = rng.randint(5, 20 + 20 * level)
    text = f"A tank with {start} litres takes in {fill} litres a minute and loses {leak}."
    asked = f"How many litres are in it after {minutes} minutes?"
    return Problem(f"{text} {asked}", Fraction(start + (fill - leak) * minutes))


def _average(rng: Random, level: int) -> Problem | None:
    scores = [number(rng, min(level, 1), 10) for _ in range(3 + level)]
    if sum(scores) % len(scores):
        return None
    text = f"{rng.choice(NAMES)} scored {', '.join(map(str, scores[:-1]))} and {scores[-1]} in {len(scores)} games."
    return Problem(f"{text} What is the average score?", Fraction(sum(scores), len(scores)))


def _savings(rng: Random, level: int) -> Problem | None:
    name, had, week = rng.choice(NAMES), number(rng, level, 30), number(rng, level)
    weeks, spent = number(rng, 0), number(rng, 0)
    if spent >= week:
        return None
    text = f"{name} has ${had} and saves ${week} a week for {weeks} weeks, spending ${spent} of it in each of them."
    return Problem(f"{text} How many dollars does {name} have then?", Fraction(had + (week - spent) * weeks))


def _ratio(rng: Random, level: int) -> Problem:
    one, two, part = rng.randint(2, 5), rng.randint(6, 9), number(rng, level)
    text = f"Red and blue beads are mixed {one} to {two}. There are {(one + two) * part} beads in all."
    return Problem(f"{text} How many more blue beads than red ones are there?", Fraction((two - one) * part))


def _rows(rng: Random, level: int) -> Problem:
    rows, seats, empty, price = number(rng, level), number(rng, min(level, 1)), rng.randint(1, 3), rng.randint(4, 15)
    text = f"A theatre has {rows} rows of {seats} seats. One evening {empty} seats stay empty; a seat costs ${price}."
    return Problem(f"{text} How many dollars are taken?", Fraction((rows * seats - empty) * price))


WORD_PROBLEMS: dict[str, Draw[Problem]] = {
    "shopping": _shopping,
    "change": _change,
    "sharing": _sharing,
    "boxes": _boxes,
    "journey": _journey,
    "wages": _wages,
    "discount": _discount,
    "ages": _ages,
    "area": _area,
    "tank": _tank,
    "average": _average,
    "savings": _savings,
    "ratio": _ratio,
    "rows": _rows,
}
