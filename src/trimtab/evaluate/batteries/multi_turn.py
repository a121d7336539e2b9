"""Multi-turn: remember, correct, refer back, change one's mind, and keep to what was asked at the start."""

from collections.abc import Sequence
from random import Random
from typing import Any

from trimtab.evaluate.batteries.material import LONG_ANSWER, distinct
from trimtab.evaluate.batteries.words import CITIES, COLOURS, OBJECTS, PEOPLE, TOPICS
from trimtab.records import Ask, Case, Expected, Message


def multi_turn(count: int, seed: int) -> list[Case]:
    """Conversations of two to four turns: remember, correct, refer back, change of mind, a lasting instruction."""
    return distinct(count, seed, _round)


def _round(random: Random, number: int) -> Sequence[Case]:
    makers = (_remember, _correct, _refer_back, _change_of_mind, _persist)
    return [makers[number % len(makers)](random)]


def _remember(random: Random) -> Case:
    person, city, topic = random.choice(PEOPLE), random.choice(CITIES), random.choice(TOPICS)
    turns = (
        f"My name is {person} and I live in {city}.",
        f"Say one sentence about {topic}.",
        "In which city do I live?",
    )
    return _case("remember", turns, any=[city])


def _correct(random: Random) -> Case:
    thing, (wrong, right) = random.choice(OBJECTS), random.sample(COLOURS, 2)
    turns = (
        f"I ordered a {wrong} {thing}.",
        f"Sorry, I was wrong: the {thing} that I ordered is {right}.",
        f"Which colour has the {thing} that I ordered? Answer with the colour only.",
    )
    return _case("correct", turns, any=[right], none=[wrong])


def _refer_back(random: Random) -> Case:
    picked, i = random.sample(CITIES, 3), random.randrange(3)
    order = ("first", "second", "third")[i]
    turns = (
        f"I want to visit three cities in this order: {', '.join(picked)}.",
        f"Which was the {order} city in my list? Answer with its name only.",
    )
    return _case("refer back", turns, any=[picked[i]], none=[city for city in picked if city != picked[i]])


def _change_of_mind(random: Random) -> Case:
    first, last = random.sample(range(2, 40), 2)
    thing = random.choice(OBJECTS)
    turns = (
        f"Please note: I need {first} of the {thing}s.",
        f"I changed my mind. I need {last} of them, not {first}.",
        "Say something kind.",
        f"How many {thing}s do I need now? Answer with the number only.",
    )
    return _case("change of mind", turns, numbers=[str(last)], none=[str(first)])


def _persist(random: Random) -> Case:
    topics = random.sample(TOPICS, 2)
    ask, rule = random.choice(
        (
            ("From now on, end every answer with the word over.", {"rule": "last_word", "word": "over"}),
            ("From now on, answer in small letters only.", {"rule": "lowercase"}),
            ("From now on, never use a comma.", {"rule": "no_comma"}),
            ("From now on, begin every answer with: Aye", {"rule": "starts_with", "text": "Aye"}),
            ("From now on, answer with at most 15 words.", {"rule": "words", "relation": "at most", "count": 15}),
        )
    )
    turns = (f"{ask} What is good about {topics[0]}?", f"And what about {topics[1]}?", "Which of the two is cheaper?")
    return _case("persist", turns, every=[rule])


def _case(kind: str, turns: Sequence[str], **check: Any) -> Case:
    expected = Expected("answer", check={"kind": "says", **check})
    return Case(
        (Message("user", turns[0]),),
        expected,
        ask=Ask(then=tuple(turns[1:]), offer=(), max_tokens=LONG_ANSWER),
        labels={"kind": kind},
    )
