"""Long context: facts hidden at every depth of texts of every length that the model reads, among others like them."""

from random import Random

from trimtab.evaluate.batteries.material import Material, distinct, labelled
from trimtab.evaluate.batteries.words import OBJECTS, invented
from trimtab.records import Ask, Case, Expected, Message, UserError

LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
"""Tokens of the whole user turn."""
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where the (first) fact stands, as a share of the text."""
RESERVED = 160
"""Tokens left for the chat template and the answer."""
_HEAD = "Read these notes. A question about them follows.\n\n"


def fitting(material: Material) -> tuple[int, ...]:
    """The lengths that leave the model room, given its window and what the workspace's prompt takes."""
    return tuple(length for length in LENGTHS if length + material.taken + RESERVED <= material.window)


def left_out(material: Material) -> str:
    """What is not asked, in a sentence; empty where all is."""
    out = [str(length) for length in LENGTHS if length not in fitting(material)]
    room = max(material.window - material.taken - RESERVED, 0)
    return f"long_context: lengths {', '.join(out)} left out, {room} tokens of the window are free" if out else ""


def long_context(count: int, seed: int, material: Material) -> list[Case]:
    """Facts at depth × length up to the model's window in its own tokens, one needle or three, among distractors."""
    lengths = fitting(material)
    if not lengths:
        raise UserError("the model's window leaves no room for any length", field="batteries.long_context")

    def one(random: Random, number: int) -> list[Case]:
        row, column = divmod(number, len(DEPTHS))
        length = lengths[(row + column) % len(lengths)]  # the diagonals of the grid: few cases see every length too
        needles = 3 if (row // len(lengths)) % 2 else 1
        return [_case(random, length, DEPTHS[column], needles, material)]

    return distinct(count, seed, one)


def _case(random: Random, length: int, depth: float, needles: int, material: Material) -> Case:
    names = _names(random, length // 8 + needles + 8)
    codes = [str(code) for code in random.sample(range(100_000, 1_000_000), len(names))]
    facts = [_fact(random, name, code) for name, code in zip(names, codes, strict=True)]
    wanted, rest = facts[:needles], facts[needles:]
    asked = " and ".join(f"the {name}" for name in names[:needles])
    codes_word = "code" if needles == 1 else "codes"
    question = f"\n\nWhat is the {codes_word} of {asked}? Answer with the {codes_word} only."
    kept = _as_many_as_fit(rest, wanted, question, length, material)
    text = _HEAD + "\n".join(_placed(kept, wanted, depth)) + question
    expected = Expected("answer", check={"kind": "says", "numbers": codes[:needles]})
    case = Case((Message("user", text),), expected, ask=Ask(offer=()))
    return labelled(case, kind=f"{needles} needle{'s' * (needles > 1)}", depth=f"{depth:.2f}", length=length)


def _as_many_as_fit(rest: list[str], wanted: list[str], question: str, length: int, material: Material) -> list[str]:
    """The longest beginning of the distractors with which the whole text has at most ``length`` tokens."""
    low, high = 0, len(rest)
    while low < high:
        middle = (low + high + 1) // 2
        tokens = material.count(_HEAD + "\n".join([*rest[:middle], *wanted]) + question)
        low, high = (middle, high) if tokens <= length else (low, middle - 1)
    return rest[:low]


def _placed(rest: list[str], wanted: list[str], depth: float) -> list[str]:
    """The first needle at ``depth``, the others spread evenly, going round at the end."""
    lines = list(rest)
    spots = sorted(round(((depth + i / len(wanted)) % 1.0001) * len(rest)) for i in range(len(wanted)))
    if len(wanted) == 1:
        spots = [round(depth * len(rest))]
    for shift, (spot, fact) in enumerate(zip(spots, wanted, strict=True)):
        lines.insert(spot + shift, fact)
    return lines


def _names(random: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{invented(random)} {random.choice(OBJECTS)} {len(found) + 1 if len(found) > 9000 else ''}".strip()] = (
            None
        )
    return list(found)


def _fact(random: Random, name: str, code: str) -> str:
    return random.choice(
        ("The code of the {} is {}.", "Note: the {} has the code {}.", "For the {}, the code is {}.")
    ).format(name, code)
