"""Sums whose numbers stand in the question: the expression copies them, the answer copies the result."""

import random
import re
from collections.abc import Iterator, Mapping

from trimtab.records import Message
from trimtab.templates.generator.phrases import endless, number_word
from trimtab.templates.generator.replies import cited, uncited
from trimtab.templates.generator.scene import Scene
from trimtab.templates.generator.stage import Script, Stage, call_turn, passages, said, with_wrongs

EXPRESSIONS: Mapping[str, str] = {
    "times": "{n} * {p}",
    "times_plus": "{n} * {p} + {q}",
    "plus": "{p} + {q}",
    "plus_plus": "{p} + {q} + {r}",
    "minus": "{p} - {q}",
    "times_minus": "{n} * {p} - {q}",
    "percent_off": "{p} * (1 - {d} / 100)",
    "percent_of": "{p} * {d} / 100",
    "divide": "{p} / {n}",
    "grams": "{n} * {g}",
}
_HARD = {"percent_off", "times_minus", "times_plus"}


def calculator_scenes(stage: Stage) -> Iterator[Scene]:
    """Endless; each wording in turn with new numbers, chosen so that the result is whole or has two digits of cents."""
    frames = [(sort, frame) for sort, frames in stage.wordings["calculator"].items() for frame in frames]
    for sort, frame in endless(frames, stage.rng):
        yield _scene(stage, sort, frame)


def price_scenes(stage: Stage) -> Iterator[Scene]:
    """What several pieces cost: search for the price, then calculate."""
    frames = [(document, frame) for document in stage.wordings["products"] for frame in stage.wordings["prices"]]
    for document, frame in endless(frames, stage.rng):
        if (scene := _price_scene(stage, document, frame)) is not None:
            yield scene


def price_of(stage: Stage, document: str) -> str:
    """The price in the document's own digits."""
    text = " ".join(stage.shop.documents[document].sentences)
    found = re.search(r"\$([\d.]*\d)", text)
    assert found is not None, f"{document} names no price"
    return found.group(1)


def pieces_that_fit(price: str) -> list[int]:
    """Counts whose total is whole or does not end in a zero of cents."""
    cents = round(float(price) * 100)
    return [n for n in range(2, 10) if n * cents % 100 == 0 or n * cents % 10]


def total_reply(stage: Stage, document: str, count: int, result: str) -> str:
    product, noun = stage.wordings["products"][document]
    return cited(f"{count} {product} {noun} come to ${result}.", document)


def calculator_wrongs(scene: Scene, turn: int, rng: random.Random) -> list[tuple[str, int, Message]]:
    """Wrong replies to a scene whose call to the calculator is ``turns[turn]``."""
    expression = str(scene.turns[turn].tool_calls[0].arguments["expression"])
    result, answer = scene.turns[turn + 1].content, scene.answer
    near = _near(result, rng)
    wrongs = [
        ("calculated in the head", turn, said(uncited(answer).replace(result, near))),
        ("wrong number", turn + 2, said(answer.replace(result, near))),
        ("wrong expression", turn, call_turn("calculator", {"expression": _twisted(expression, rng)})),
        ("hedged", turn + 2, said(f"It might be roughly ${result}, but I am not certain.")),
    ]
    if "[" in answer:
        wrongs.append(("uncited", turn + 2, said(uncited(answer))))
    return wrongs


def _scene(stage: Stage, sort: str, frame: str) -> Scene:
    while True:
        values = _values(stage, sort)
        expression = EXPRESSIONS[sort].format(**values)
        script = Script(stage.call)
        result = script.use("calculator", {"expression": expression})
        if re.fullmatch(r"\d+(\.\d[1-9])?", result):
            break
    worded = values | {"n": number_word(int(values["n"]), stage.rng)}
    asked = stage.dress(frame.format(**worded, items=stage.pick("items"))).text
    script.say(f"That comes to {result} grams." if sort == "grams" else f"That comes to ${result}.")
    difficulty = "hard" if sort in _HARD else ("medium" if worded["n"] != values["n"] else "easy")
    labels = {"domain": "sums", "kind": "calculator", "cluster": f"sum: {frame}", "difficulty": difficulty}
    scene = script.scene(asked, "answer", labels, facts=(result,))
    return with_wrongs(scene, calculator_wrongs(scene, 0, stage.rng))


def _values(stage: Stage, sort: str) -> dict[str, str]:
    rng = stage.rng
    unit = sort.startswith("times")
    p, q = stage.amount(*((4, 60) if unit else (20, 400))), stage.amount(3, 19)
    if sort in ("plus", "plus_plus"):
        q = stage.amount(5, 200)
    return {
        "n": str(rng.randrange(4, 13) if unit else rng.randrange(2, 13)),
        "p": p,
        "q": q,
        "r": stage.amount(5, 100),
        "d": str(rng.choice((5, 8, 10, 12, 15, 20, 24, 25, 30, 35, 40, 60))),
        "g": str(rng.randrange(31, 900)),
    }


def _price_scene(stage: Stage, document: str, frame: str) -> Scene | None:
    product, noun = stage.wordings["products"][document]
    price = price_of(stage, document)
    count = stage.rng.choice(pieces_that_fit(price))
    dressed = stage.dress(frame.format(n=number_word(count, stage.rng), product=product, noun=noun))
    script = Script(stage.call)
    if document not in {passage["id"] for passage in passages(script.use("search", {"query": f"{product} price"}))}:
        return None
    result = script.use("calculator", {"expression": f"{count} * {price}"})
    script.say(total_reply(stage, document, count, result))
    labels = {"domain": "products", "kind": "price_total", "cluster": document, "difficulty": "hard", "rule": "R1"}
    scene = script.scene(dressed.text, "answer", labels, facts=(result,), citations=(document,))
    return with_wrongs(scene, calculator_wrongs(scene, 2, stage.rng))


def _near(result: str, rng: random.Random) -> str:
    """A number of the same form close by."""
    moved = float(result) + rng.choice((-1, 1, 2, 5, 10))
    return str(round(abs(moved) + (moved <= 0))) if "." not in result else f"{abs(moved):.2f}"


def _twisted(expression: str, rng: random.Random) -> str:
    """Another operator, or a wrong digit in the last number."""
    swaps = {"+": "-", "-": "+", "*": "+", "/": "*"}
    signs = [match.start() for match in re.finditer(r"(?<= )[-+*/](?= )", expression)]
    if rng.random() < 0.6:
        at = rng.choice(signs)
        return expression[:at] + swaps[expression[at]] + expression[at + 1 :]
    digit = max(match.start() for match in re.finditer(r"[1-9]", expression))
    return expression[:digit] + str(int(expression[digit]) % 9 + 1) + expression[digit + 1 :]
