"""Tricky negatives: pairs of a good answer against the same answer with one thing wrong, each labelled by what."""

from collections.abc import Sequence

from trimtab.curate.hashing import shuffled, uniform
from trimtab.curate.place import Placed
from trimtab.curate.preferences.spoils import SPOILS, Donors, Task, donors_of
from trimtab.records import Comparison, Example, Message
from trimtab.text import normalise

WRONG = "wrong"
"""``labels.wrong``: what is wrong with the rejected side, one of ``SPOILS``."""
_UNSIGNED = ("annotator", "annotators", "time")
"""What an example's provenance says of its author, who never saw the pair."""


def tricky_negatives(rows: Sequence[Placed], share: float, seed: int = 0) -> list[Placed]:
    """A pair for about ``share`` of the examples among the rows, at the example's own place.

    Which examples, and what goes wrong in each, is a function of the seed and the example; an example in which nothing
    can go wrong gives none. The prompt, the tools and everything else of the chosen side are the example's.
    """
    good = [placed for placed in rows if isinstance(placed.row, Example)]
    if not share or not good:
        return []
    donors = donors_of([turn for placed in good for turn in _said(placed)])
    made = []
    for placed in good:
        if uniform("negative", seed, placed.key) < share and (pair := _negative(placed, donors, seed)) is not None:
            made.append(Placed(pair, placed.source, placed.file, placed.line, placed.weight))
    return made


def _said(placed: Placed) -> list[Message]:
    assert isinstance(placed.row, Example)
    return [turn for turn in placed.row.messages if turn.role == "assistant"]


def _negative(placed: Placed, donors: Donors, seed: int) -> Comparison | None:
    """The first that works of what can go wrong in any of the assistant's turns, in an order drawn by hash."""
    example = placed.row
    assert isinstance(example, Example)
    turns = [at for at, turn in enumerate(example.messages) if turn.role == "assistant"]
    choices = [(wrong, at) for wrong in SPOILS for at in turns]
    for wrong, at in shuffled(choices, "wrong", seed, placed.key):
        last = at == len(example.messages) - 1
        task = Task(
            prompt=example.messages[:at],
            turn=example.messages[at],
            tools=example.tools,
            action=str(example.labels.get("action", "")) if last else "answer",
            donors=donors,
            draw=(seed, placed.key, at),
        )
        for spoiled in SPOILS[wrong](task):
            if _differs(task.turn, spoiled):
                return _pair(example, task, spoiled, wrong)
    return None


def _differs(good: Message, spoiled: Message) -> bool:
    """Whether more than form tells them apart."""
    return normalise(good.content) != normalise(spoiled.content) or good.tool_calls != spoiled.tool_calls


def _pair(example: Example, task: Task, spoiled: Message, wrong: str) -> Comparison:
    kept = {name: value for name, value in example.provenance.items() if name not in _UNSIGNED}
    labels = {name: value for name, value in example.labels.items() if name != "weight"}
    return Comparison(
        prompt=task.prompt,
        chosen=(task.turn,),
        rejected=(spoiled,),
        tools=example.tools,
        reason=wrong,
        labels={**labels, WRONG: wrong},
        provenance={**kept, "source": "generated", "generator": "tricky_negatives", "parents": [example.id]},
    )
