"""The same routing case put otherwise: other words, other names of tools, another context; what is due stays."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab.evaluate.routes.distractors import DISTRACTORS, EARLIER
from trimtab.evaluate.routes.renaming import renaming
from trimtab.records import Case, Message

Variant = Callable[[Case, random.Random], Case | None]
"""A case and chance -> the case put otherwise; None where it cannot be."""

_FRAMES = (
    "Hello, here is what I need. {} Thanks in advance.",
    "Could you help me with the following? {}",
    "{} Please see to it when you can.",
    "One thing I need sorted out: {}",
)
_OPENINGS = (
    ("Can you ", "Could you "),
    ("Could you ", "Would you "),
    ("I want to ", "I would like to "),
    ("I'd like to ", "I want to "),
    ("I need to ", "I have to "),
    ("What's ", "What is "),
    ("How do I ", "How can I "),
)


def paraphrased(case: Case, rng: random.Random) -> Case | None:
    """The last question in another frame and with another opening; names and values in it stay to the letter."""
    last = max((i for i, message in enumerate(case.messages) if message.role == "user"), default=None)
    if last is None or not case.messages[last].content.strip():
        return None
    asked = case.messages[last].content.strip()
    for old, new in _OPENINGS:
        if asked.startswith(old):
            asked = new + asked.removeprefix(old)
            break
    said = replace(case.messages[last], content=rng.choice(_FRAMES).format(asked))
    return replace(case, messages=(*case.messages[:last], said, *case.messages[last + 1 :]))


def renamed(case: Case, rng: random.Random) -> Case | None:
    """The tools that a case brings and their arguments under new names; None where it brings none."""
    return renaming(case.tools, rng).case(case) if case.tools else None


def shifted(case: Case, rng: random.Random) -> Case | None:
    """An earlier exchange about something else; a case's own tools in another order, among three that do not fit."""
    system = [message for message in case.messages if message.role == "system"]
    rest = [message for message in case.messages if message.role != "system"]
    asked, answered = rng.choice(EARLIER)
    earlier = (Message("user", asked), Message("assistant", answered))
    return replace(case, messages=(*system, *earlier, *rest), tools=_among_others(case.tools, rng))


VARIANTS: dict[str, Variant] = {"paraphrase": paraphrased, "renamed": renamed, "shifted": shifted}


def variants_of(case: Case, seed: int, kinds: Sequence[str] = tuple(VARIANTS)) -> list[Case]:
    """A case put otherwise, the same for the same seed, under ``labels.variant``.

    ``labels.plain`` is the plain case's id and ``labels.cluster`` its cluster, so that the two are compared as a pair.
    """
    found = []
    for kind in kinds:
        made = VARIANTS[kind](case, random.Random(f"{seed}:{kind}:{case.id}"))
        if made is not None and made.id != case.id:
            cluster = case.labels.get("cluster", case.id)
            found.append(replace(made, labels={**case.labels, "variant": kind, "plain": case.id, "cluster": cluster}))
    return found


def _among_others(tools: Sequence[Mapping[str, Any]], rng: random.Random) -> tuple[Mapping[str, Any], ...]:
    if not tools:
        return ()
    names = {tool["function"]["name"] for tool in tools}
    others = [tool for tool in DISTRACTORS if tool["function"]["name"] not in names]
    mixed = [*tools, *rng.sample(others, 3)]
    rng.shuffle(mixed)
    return tuple(mixed)
