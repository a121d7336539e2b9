"""The kinds of function that the code battery asks for: words, a reference solution, arguments by chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from trimtab.evaluate.batteries.code_arguments import (
    brackets,
    grid,
    numbers,
    repeats,
    sentence,
    two,
    whole,
    word,
    words,
)


@dataclass(frozen=True)
class Family:
    """``text`` and ``source`` have ``{parameters}`` filled in; ``arguments`` writes a call's arguments."""

    signature: str
    text: str
    source: str
    arguments: Callable[[Random], str]
    level: int = 0
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def entry(self) -> str:
        return self.signature.split("(")[0]


_N = {"n": (2, 3, 4, 5, 6, 7)}

_EASY = (
    Family(
        "sum_of_multiples(limit)",
        "adds up the whole numbers from 1 to limit, limit included, that {n} divides.",
        "def sum_of_multiples(limit):\n    return sum(i for i in range(1, limit + 1) if i % {n} == 0)",
        whole(5, 80),
        parameters=_N,
    ),
    Family(
        "count_above(numbers)",
        "counts the numbers in a list that are greater than {n}.",
        "def count_above(numbers):\n    return len([x for x in numbers if x > {n}])",
        numbers,
        parameters=_N,
    ),
    Family(
        "every_nth(items)",
        "returns a list of every {n}th item of a list, starting with its first.",
        "def every_nth(items):\n    return items[::{n}]",
        numbers,
        parameters=_N,
    ),
    Family(
        "scale(numbers)",
        "returns the list with each number multiplied by {n} and then {m} added.",
        "def scale(numbers):\n    return [x * {n} + {m} for x in numbers]",
        numbers,
        parameters={**_N, "m": (1, 5, 9)},
    ),
    Family(
        "clamp_all(numbers)",
        "returns the list with each number below {low} replaced by {low} and each above {high} by {high}.",
        "def clamp_all(numbers):\n    return [min(max(x, {low}), {high}) for x in numbers]",
        numbers,
        parameters={"low": (-5, 0, 3), "high": (10, 20, 25)},
    ),
    Family(
        "count_letter(text)",
        "counts how often the letter {letter!r} is in a text, in upper or lower case.",
        "def count_letter(text):\n    return text.lower().count({letter!r})",
        sentence,
        parameters={"letter": tuple("aeors")},
    ),
    Family(
        "last_words(text)",
        "returns the last {n} words of a text joined by one space (all of them if there are fewer).",
        "def last_words(text):\n    return ' '.join(text.split()[-{n}:])",
        sentence,
        parameters={"n": (2, 3)},
    ),
    Family(
        "is_palindrome(text)",
        "tells whether a text reads the same backwards, whatever the case of its letters.",
        "def is_palindrome(text):\n    low = text.lower()\n    return low == low[::-1]",
        word,
    ),
    Family(
        "spread(numbers)",
        "returns the difference between the largest and the smallest number of a list, times {n}.",
        "def spread(numbers):\n    return (max(numbers) - min(numbers)) * {n}",
        numbers,
        parameters=_N,
    ),
    Family(
        "digit_sum(number)",
        "returns the sum of the digits of a whole number, plus {n}.",
        "def digit_sum(number):\n    return sum(int(d) for d in str(abs(number))) + {n}",
        whole(10, 99999),
        parameters=_N,
    ),
)

_MEDIUM = (
    Family(
        "running_total(numbers)",
        "returns the list of running totals of a list of numbers, starting from {n}.",
        "def running_total(numbers):\n    out, total = [], {n}\n    for x in numbers:\n        total += x\n"
        "        out.append(total)\n    return out",
        numbers,
        1,
        _N,
    ),
    Family(
        "rotate(items)",
        "moves the first {n} items of a list to its end, one after the other, and returns the new list.",
        "def rotate(items):\n    k = {n} % len(items)\n    return items[k:] + items[:k]",
        numbers,
        1,
        _N,
    ),
    Family(
        "chunks(items)",
        "splits a list into lists of {n} items each, the last of which may be shorter.",
        "def chunks(items):\n    return [items[i:i + {n}] for i in range(0, len(items), {n})]",
        numbers,
        1,
        {"n": (2, 3, 4)},
    ),
    Family(
        "without_repeats(items)",
        "returns the list without repeated items, each where it first stood.",
        "def without_repeats(items):\n    out = []\n    for x in items:\n        if x not in out:\n"
        "            out.append(x)\n    return out",
        repeats,
        1,
    ),
    Family(
        "most_common(items)",
        "returns the most frequent item of a list; of several the smallest.",
        "def most_common(items):\n    return min(items, key=lambda x: (-items.count(x), x))",
        repeats,
        1,
    ),
    Family(
        "longest_word(words)",
        "returns the longest word of a list; of several the first.",
        "def longest_word(words):\n    best = words[0]\n    for word in words:\n        if len(word) > len(best):\n"
        "            best = word\n    return best",
        words,
        1,
    ),
    Family(
        "shift_letters(text)",
        "moves each small letter of a text {n} places on in the alphabet, from z back to a, and keeps all else.",
        "def shift_letters(text):\n    out = ''\n    for c in text:\n"
        "        out += chr((ord(c) - 97 + {n}) % 26 + 97) if 'a' <= c <= 'z' else c\n    return out",
        word,
        1,
        _N,
    ),
    Family(
        "in_base(number)",
        "writes a whole number above 0 in base {n}, as a string.",
        "def in_base(number):\n    out = ''\n    while number:\n        out = str(number % {n}) + out\n"
        "        number //= {n}\n    return out",
        whole(3, 900),
        1,
        {"n": (2, 3, 4, 5, 7)},
    ),
    Family(
        "count_primes(limit)",
        "counts the prime numbers below limit that leave a remainder of {n} when divided by {m}.",
        "def count_primes(limit):\n    count = 0\n    for p in range(2, limit):\n"
        "        if all(p % d for d in range(2, p)) and p % {m} == {n}:\n            count += 1\n    return count",
        whole(10, 120),
        1,
        {"n": (1, 3), "m": (4, 5, 8)},
    ),
    Family(
        "transpose(rows)",
        "swaps the rows and columns of a list of lists of equal length.",
        "def transpose(rows):\n    return [[row[i] for row in rows] for i in range(len(rows[0]))]",
        grid,
        1,
    ),
    Family(
        "in_both(first, second)",
        "returns, sorted and without repeats, what is in both of two lists.",
        "def in_both(first, second):\n    return sorted(set(first) & set(second))",
        two,
        1,
    ),
)

_HARD = (
    Family(
        "best_run(numbers)",
        "returns the largest sum of neighbouring items of a list (at least one item), plus {n}.",
        "def best_run(numbers):\n    best = current = numbers[0]\n    for x in numbers[1:]:\n"
        "        current = max(x, current + x)\n        best = max(best, current)\n    return best + {n}",
        numbers,
        2,
        _N,
    ),
    Family(
        "longest_rise(numbers)",
        "returns the length of the longest strictly rising stretch of neighbouring items in a list.",
        "def longest_rise(numbers):\n    best = length = 1\n    for a, b in zip(numbers, numbers[1:]):\n"
        "        length = length + 1 if b > a else 1\n        best = max(best, length)\n    return best",
        numbers,
        2,
    ),
    Family(
        "balanced(text)",
        "tells whether the round, square and curly brackets of a text are balanced and properly nested.",
        "def balanced(text):\n    stack, pairs = [], {{')': '(', ']': '[', '}}': '{{'}}\n    for c in text:\n"
        "        if c in '([{{':\n            stack.append(c)\n        elif c in pairs:\n"
        "            if not stack or stack.pop() != pairs[c]:\n                return False\n    return not stack",
        brackets,
        2,
    ),
    Family(
        "run_lengths(items)",
        "returns a list of [item, count] for each stretch of equal neighbouring items of a list.",
        "def run_lengths(items):\n    out = []\n    for x in items:\n        if out and out[-1][0] == x:\n"
        "            out[-1][1] += 1\n        else:\n            out.append([x, 1])\n    return out",
        repeats,
        2,
    ),
    Family(
        "pairs_with_sum(numbers)",
        "counts the pairs of positions i < j in a list whose numbers add up to {n}.",
        "def pairs_with_sum(numbers):\n    count = 0\n    for i in range(len(numbers)):\n"
        "        for j in range(i + 1, len(numbers)):\n            if numbers[i] + numbers[j] == {n}:\n"
        "                count += 1\n    return count",
        repeats,
        2,
        {"n": (3, 4, 5, 6)},
    ),
    Family(
        "steps_to_one(number)",
        "counts how many steps it takes from a number to 1, where an even number is halved and an odd one is "
        "multiplied by 3 and 1 is added, and returns {n} more than that.",
        "def steps_to_one(number):\n    steps = {n}\n    while number != 1:\n"
        "        number = number // 2 if number % 2 == 0 else 3 * number + 1\n        steps += 1\n    return steps",
        whole(2, 60),
        2,
        _N,
    ),
    Family(
        "spiral(rows)",
        "reads a list of rows in a spiral, clockwise from the top left inwards, into one list.",
        "def spiral(rows):\n    out = []\n    while rows:\n        out += rows[0]\n"
        "        rest = [list(row) for row in rows[1:]]\n"
        "        rows = [[row[i] for row in rest] for i in range(len(rest[0]) - 1, -1, -1)] if rest else []\n"
        "    return out",
        grid,
        2,
    ),
    Family(
        "fewest_coins(amount)",
        "returns the smallest number of coins of 1, {n} and {m} that make up an amount.",
        "def fewest_coins(amount):\n    best = [0]\n    for total in range(1, amount + 1):\n"
        "        best.append(1 + min(best[total - coin] for coin in (1, {n}, {m}) if coin <= total))\n"
        "    return best[amount]",
        whole(5, 60),
        2,
        {"n": (3, 4, 5), "m": (7, 9, 11)},
    ),
)

FAMILIES = (*_EASY, *_MEDIUM, *_HARD)
